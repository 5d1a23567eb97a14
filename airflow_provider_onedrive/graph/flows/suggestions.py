"""Suggests what was probably meant when a name is missing."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

from airflow_provider_onedrive.graph.flows.items import children, stat_or_none
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound
from airflow_provider_onedrive.graph.protocol.fields import optional
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.names import comparison_key

_NEAR = 0.8
_DIGITS = re.compile(r"\d+")


def with_similar_name(error: ItemNotFound, address: Address) -> Flow[ItemNotFound]:
    """Return an error with the name that was probably meant, if Graph lists one.

    :param error: of a request for the address.
    """
    advice = yield from advice_on_missing(address)
    return error.with_advice(" ".join(filter(None, (advice, error.advice)))) if advice else error


def advice_on_missing(address: Address) -> Flow[str | None]:
    """Compare the first missing name of a path with the first page of its siblings, and with the name of the drive.

    :return: a sentence naming a sibling that differs only by case, Unicode normalisation or percent-encoding, or by a
        typing error, or saying that the drive itself has the name; None if none is so. The server decides which names
        are equal, so nothing is ever corrected silently.
    """
    if address.is_base:
        return None
    if (yield from stat_or_none(address.parent)) is None:
        return (yield from advice_on_missing(address.parent))
    # One page only: this is a courtesy within an error, and must not list a folder of a million items.
    page = yield from children(address.parent)
    wanted = address.names[-1]
    for item in page.items:
        if item.name != wanted and _likeness(item.name) == _likeness(wanted):
            # !a, because two normal forms of one letter look the same.
            return f"{item.name!a} exists, and {wanted!a} does not: they differ by {_difference(item.name, wanted)}."
    library = (yield from _advice_on_library(address)) if address.parent.is_drive_root else None
    names = [item.name for item in page.items]
    return library or (None if wanted in names else _advice_on_typing(wanted, names))


def _advice_on_typing(wanted: str, names: Sequence[str]) -> str | None:
    """Return the question for a name that is nearly the wanted one; numbers apart, which differ on purpose."""
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=_NEAR)
    is_other_number = bool(near) and _DIGITS.findall(near[0]) != _DIGITS.findall(wanted)
    return None if not near or is_other_number else f"Did you mean {near[0]!a}? {wanted!a} is not there."


def _advice_on_library(address: Address) -> Flow[str | None]:
    """Compare a name in the root of a drive with those of its library.

    In the browser a file of the drive is at ``.../Documents/a.csv``, so people write the library's name into a
    location, although the drive begins below it.
    """
    drive = (yield Request("GET", f"{address.drive}?$select=name,webUrl")).body
    segment = unquote((optional(drive, "webUrl", str) or "").rstrip("/").rpartition("/")[2])
    wanted = comparison_key(address.names[-1])
    if wanted not in (comparison_key(segment), comparison_key(optional(drive, "name", str) or "")):
        return None
    return f"{address.names[-1]!r} is the name of the drive itself: leave it out, as in {address.text}/<path>."


def _likeness(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _difference(one: str, other: str) -> str:
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return "Unicode normalisation"
    return "case" if one.casefold() == other.casefold() else "percent-encoding"
