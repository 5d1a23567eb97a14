"""How a URL names an item.

https://learn.microsoft.com/onedrive/developer/rest-api/concepts/addressing-driveitems
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from airflow_provider_onedrive.emulator.errors.problems import bad_request, invalid_request, unknown_segment
from airflow_provider_onedrive.emulator.model.drive import Drive, Item


@dataclass(frozen=True)
class ItemAddress:
    """An item by id, or names to follow from it.

    :param base: an item id, or ``root``.
    """

    base: str
    names: tuple[str, ...] = ()

    def find(self, drive: Drive) -> Item:
        return drive.find(drive.get(self.base), self.names)


ROOT = ItemAddress("root")


def split(raw_path: str) -> list[str]:
    """Split, then decode: an encoded slash does not separate. Doubled and trailing slashes do not count."""
    try:
        return [unquote(segment, errors="strict") for segment in raw_path.split("/") if segment]
    except UnicodeDecodeError:
        raise bad_request("The request URI is not valid UTF-8.") from None


def parse_item(segments: list[str], *, strict: bool = True) -> tuple[ItemAddress, list[str]]:
    """Return the address at the start of the segments, and the segments after it.

    :param strict: an encoded slash is part of a name, which is then refused. The service treats it as a separator.
    """
    base, rest = _base(segments)
    # Some clients encode the whole address into the segment of the id, slashes included.
    base, *inner = [part for part in base.split("/") if part] or [base]
    rest = inner + rest
    if not base.endswith(":"):
        return ItemAddress(base), rest
    names, rest = _names(rest)
    if strict and not names and base != "root:":
        # Recorded in 2019 for an id; for the root nothing is known.
        raise invalid_request("The path after the item's id is empty.")
    return ItemAddress(base[:-1], names if strict else _parted(names)), rest


def _base(segments: list[str]) -> tuple[str, list[str]]:
    head, *rest = segments
    # An id and a path may be combined: names then start at that item instead of the root.
    if head == "items" and rest:
        return rest[0], rest[1:]
    if head == "root" or head.startswith("root:"):
        return head, rest
    raise unknown_segment(head)


def _names(segments: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Names run up to the first segment that ends with a colon, or to the end."""
    for index, segment in enumerate(segments):
        if segment.endswith(":"):
            last = [segment[:-1]] if segment != ":" else []
            # The colon that closes a path is optional if nothing follows, so the end of the URL closes it as well.
            return (*segments[:index], *last), segments[index + 1 :]
    return tuple(segments), []


def _parted(names: tuple[str, ...]) -> tuple[str, ...]:
    """Split names at slashes that were encoded. A ``.`` before another name is ignored."""
    # The service decodes an encoded slash before it splits the path. Strict mode refuses it, because it is usually a
    # bug.
    parts = [part for name in names for part in name.split("/") if part]
    return tuple(part for part in parts[:-1] if part != ".") + tuple(parts[-1:])
