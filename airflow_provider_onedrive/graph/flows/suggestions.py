"""Suggests the existing name that was probably meant when a name is missing."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

from airflow_provider_onedrive.graph.flows.items import children, stat_or_none
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.messages import Flow


def advice_on_missing(address: Address) -> Flow[str | None]:
    """Compare the first missing name of a path with the first page of its siblings.

    :return: a sentence naming a sibling that differs only by case, Unicode normalisation or percent-encoding; None if
        there is none. The server decides which names are equal, so nothing is ever corrected silently.
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
    return None


def _likeness(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _difference(one: str, other: str) -> str:
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return "Unicode normalisation"
    return "case" if one.casefold() == other.casefold() else "percent-encoding"
