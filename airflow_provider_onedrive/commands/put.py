"""``airflow-onedrive put``: upload a file, or a folder with everything in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_onedrive.commands.bars import bar
from airflow_provider_onedrive.commands.reporting import report_on
from airflow_provider_onedrive.commands.running import add_if_exists, connected, parser_for, print_json, run


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Upload a file, or a folder with everything in it.")
    parser.add_argument("local_path", help="a file or a folder")
    parser.add_argument("location", help="the file to create, or, ending in /, its folder")
    add_if_exists(parser)
    parser.add_argument("--create-folders", action="store_true", help="create missing folders of the location")
    return run(_put, parser.parse_args(arguments))


def _put(options: argparse.Namespace) -> int:
    path = Path(options.local_path)
    with connected(options) as client:
        if path.is_dir():
            with bar(client, path.name, None):
                report = client.upload_folder(
                    options.location,
                    local_path=path,
                    recursive=True,
                    if_exists=options.if_exists,
                    create_folders=options.create_folders,
                )
            return report_on(report, is_json=options.json)
        # A path that is not a file fails in the upload, whose error names the path and the reason.
        with bar(client, path.name, path.stat().st_size if path.is_file() else None):
            item = client.upload(
                options.location,
                local_path=path,
                if_exists=options.if_exists,
                create_folders=options.create_folders,
            )
    if options.json:
        print_json(item.to_dict())
    else:
        sys.stdout.write(f"{item.location}\n")
    return 0
