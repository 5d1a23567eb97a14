"""``airflow-onedrive get``: download a file, or a folder with everything in it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_onedrive.commands.bars import bar
from airflow_provider_onedrive.commands.reporting import report_on
from airflow_provider_onedrive.commands.running import add_if_exists, connected, parser_for, print_json, print_line, run


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Download a file, or a folder with everything in it.")
    parser.add_argument("location", help="a file, a folder, or a pattern with * ? **")
    parser.add_argument("local_path", nargs="?", default=".", help="a file, or a folder (default: the current one)")
    add_if_exists(parser)
    return run(_get, parser.parse_args(arguments))


def _get(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.graph.content.filters import Filters, split_location  # noqa: PLC0415 - help needs none of it

    folder, pattern = split_location(options.location)
    with connected(options) as client:
        item = client.stat(folder)
        if item.is_folder:
            # As scp -r does: a folder arrives under its own name, the files of a pattern without one.
            to = Path(options.local_path) if pattern else Path(options.local_path) / item.name
            with bar(client, item.name, None if pattern else item.size):
                report = client.download_folder(
                    folder, to, filters=Filters(pattern), recursive=True, if_exists=options.if_exists
                )
            return report_on(report, is_json=options.json)
        with bar(client, item.name, item.size):
            item = client.download(folder, options.local_path, if_exists=options.if_exists)
    if options.json:
        print_json(item.to_dict())
    else:
        print_line(str(item.local_path))
    return 0
