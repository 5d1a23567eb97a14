"""``airflow-onedrive put``: upload files, and folders with everything in them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_onedrive.commands.bars import bar
from airflow_provider_onedrive.commands.reporting import report_on
from airflow_provider_onedrive.commands.running import add_if_exists, connected, parser_for, print_json, print_line, run


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Upload files, and folders with everything in them.")
    parser.add_argument("local_path", nargs="+", help="a file or a folder; several go into one folder")
    parser.add_argument("location", help="the file to create, or, ending in /, its folder")
    add_if_exists(parser)
    parser.add_argument("--create-folders", action="store_true", help="create missing folders of the location")
    return run(_put, parser.parse_args(arguments))


def _put(options: argparse.Namespace) -> int:
    paths = list(map(Path, options.local_path))
    several, title = len(paths) > 1, paths[0].name
    with connected(options) as client:
        if several or paths[0].is_dir():
            with bar(client, f"{len(paths)} files and folders" if several else title, None):
                report = client.upload_folder(
                    options.location,
                    local_path=paths if several else paths[0],
                    recursive=True,
                    if_exists=options.if_exists,
                    create_folders=options.create_folders,
                )
            return report_on(report, is_json=options.json)
        # A path that is not a file fails in the upload, whose error names the path and the reason.
        with bar(client, title, paths[0].stat().st_size if paths[0].is_file() else None):
            item = client.upload(
                options.location,
                local_path=paths[0],
                if_exists=options.if_exists,
                create_folders=options.create_folders,
            )
    if options.json:
        print_json(item.to_dict())
    else:
        print_line(item.location)
    return 0
