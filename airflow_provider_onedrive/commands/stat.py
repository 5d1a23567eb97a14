"""``airflow-onedrive stat``: show what is known about an item."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_onedrive.commands.running import connected, parser_for, print_json, run


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Show what is known about an item.")
    parser.add_argument("location")
    return run(_stat, parser.parse_args(arguments))


def _stat(options: argparse.Namespace) -> int:
    with connected(options) as client:
        known = client.stat(options.location).to_xcom()
    if options.json:
        print_json(known)
        return 0
    width = max(map(len, known))
    for name, value in known.items():
        sys.stdout.write(f"{name:<{width}}  {'' if value is None else value}\n")
    return 0
