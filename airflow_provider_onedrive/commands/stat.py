"""``airflow-onedrive stat``: show the properties of a file or folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_provider_onedrive.commands.running import connected, parser_for, print_json, print_line, run


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Show the properties of a file or folder.")
    parser.add_argument("location", help="a file or a folder")
    return run(_stat, parser.parse_args(arguments))


def _stat(options: argparse.Namespace) -> int:
    with connected(options) as client:
        properties = client.stat(options.location).to_dict()
    if options.json:
        print_json(properties)
        return 0
    # In columns for people; the names are those of --json and of XCom.
    width = max(map(len, properties))
    for name, value in properties.items():
        print_line(f"{name:<{width}}  {'' if value is None else value}")
    return 0
