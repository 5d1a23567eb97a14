"""``airflow-onedrive ls``: list a folder, what a pattern matches, or what can be named behind ``shared``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_onedrive.commands.running import connected, parser_for, print_json, run

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client
    from airflow_provider_onedrive.graph.protocol.models import DriveItem


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "List a folder, page by page.")
    parser.add_argument("location", nargs="?", default="myfiles/", help="a folder; * ? ** make a pattern of it")
    parser.add_argument("-r", "--recursive", action="store_true", help="everything below it")
    parser.add_argument("-l", "--long", action="store_true", help="also size, and local time of the last change")
    return run(_list, parser.parse_args(arguments))


def _list(options: argparse.Namespace) -> int:
    with connected(options) as client:
        if options.location.strip("/").lower() == "shared":
            return _list_shared(client, is_json=options.json)
        for item in _items(client, options):
            if options.json:
                print_json(item.to_xcom())
            else:
                sys.stdout.write(_line(item, is_long=options.long) + "\n")
    return 0


def _items(client: Client, options: argparse.Namespace) -> Iterator[DriveItem]:
    from airflow_provider_onedrive.graph.content.filters import Filters, split_location  # noqa: PLC0415 - help needs none of it

    folder, pattern = split_location(options.location)
    if pattern is None:
        return client.walk(folder) if options.recursive else client.children(folder)
    return client.find(folder, Filters(file_pattern=pattern), kind="any", recursive=options.recursive)


def _line(item: DriveItem, *, is_long: bool) -> str:
    name = item.location + ("/" if item.is_folder else "")
    return f"{item.size:>15,}  {item.modified_at.astimezone():%Y-%m-%d %H:%M}  {name}" if is_long else name


def _list_shared(client: Client, *, is_json: bool) -> int:
    for place in client.shared_folders():
        known = {"location": place.location, "origin": place.origin, "target": place.target, "is_link": place.is_link}
        if is_json:
            print_json(known)
        else:
            sys.stdout.write(f"{place.location}/  ({place.origin}: {place.target})\n")
    return 0
