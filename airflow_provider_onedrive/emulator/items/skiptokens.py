"""The position of the next page: opaque to clients, encoded as SharePoint encodes it.

A position is a name and not a number: an item that is added or removed between two pages shifts no other.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlencode

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request
from airflow_provider_onedrive.emulator.items.sorting import Order, Position
from airflow_provider_onedrive.emulator.model.drive import Item

_NUMBERS = frozenset({"", "size"})


def write(order: Order, last: Item) -> str:
    value, name = order.position(last)
    # SharePoint counts folders as 1.
    shown = 1 - int(value) if order.column == "" else value
    position = {
        # The decoded token of a business account has these keys.
        "Paged": "TRUE",
        "p_SortBehavior": shown,
        "p_FileLeafRef": name,
        "p_ID": last.id,
        "SortField": order.column,
    }
    return pack(urlencode(position))


def read(order: Order, token: str | None) -> Position | None:
    """Return the position of a page.

    :raises Problem: 400, the token is malformed or belongs to another sort order.
    """
    if token is None:
        return None
    try:
        position = {key: values[0] for key, values in parse_qs(unpack(token), keep_blank_values=True).items()}
        if position["SortField"] != order.column:
            raise malformed()
        value = position["p_SortBehavior"]
        if order.column == "":
            return (1 - int(value), position["p_FileLeafRef"])
        return (int(value) if order.column in _NUMBERS else value, position["p_FileLeafRef"])
    except (ValueError, KeyError):
        raise malformed() from None


def pack(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def unpack(token: str) -> str:
    """Reverse :func:`pack`.

    :raises ValueError: the text is not such a token.
    """
    return base64.urlsafe_b64decode(token).decode()


def malformed() -> Problem:
    return invalid_request("The skip token is malformed.")
