"""``airflow-onedrive ls``: list a folder, the items that match a pattern, or everything that is shared."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_onedrive.commands.running import connected, parser_for, print_json, print_line, run

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client
    from airflow_provider_onedrive.graph.protocol.models import DriveItem


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "List a folder, the items that match a pattern, or everything that is shared.")
    parser.add_argument(
        "location",
        nargs="?",
        default="myfiles/",
        help="a folder, a pattern with * ? **, or shared (default: %(default)s)",
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="also list the items in its folders")
    parser.add_argument("-l", "--long", action="store_true", help="also show size, and local time of the last change")
    return run(_list, parser.parse_args(arguments))


def _list(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.graph.content.filters import split_location  # noqa: PLC0415 - help needs none of it

    with connected(options) as client:
        folder, pattern = split_location(options.location)
        if pattern is None and client.parser.parse(folder).is_list_of_shared:
            return _list_shared(client, is_json=options.json)
        for item in _items(client, folder, pattern, is_deep=options.recursive):
            if options.json:
                print_json(item.to_dict())
            else:
                print_line(_line(item, is_long=options.long))
    return 0


def _items(client: Client, folder: str, pattern: str | None, *, is_deep: bool) -> Iterator[DriveItem]:
    from airflow_provider_onedrive.graph.content.filters import Filters  # noqa: PLC0415 - as above

    if pattern is None:
        return client.walk(folder) if is_deep else client.children(folder)
    return client.find(folder, Filters(file_pattern=pattern), kind="any", recursive=is_deep)


def _line(item: DriveItem, *, is_long: bool) -> str:
    name = item.location + ("/" if item.is_folder else "")
    # Local time is for people; --json has UTC.
    time = f"{item.modified_at.astimezone():%Y-%m-%d %H:%M}" if item.modified_at else "-"
    size = "?" if item.size is None else f"{item.size:,}"
    return f"{size:>15}  {time:>16}  {name}" if is_long else name


def _list_shared(client: Client, *, is_json: bool) -> int:
    for shared in client.shared_folders():
        properties = {
            "location": shared.location,
            "origin": shared.origin,
            "target": shared.target,
            "is_link": shared.is_link,
        }
        if is_json:
            print_json(properties)
        else:
            print_line(f"{shared.location}/  ({shared.origin}: {shared.target})")
    return 0
