"""Typed fields of the JSON that Graph, its storage and Entra send: nothing about an answer is taken on trust.

A proxy, a change of the API or a defect of the service may answer with anything. Each function here returns a value of
the right type or raises :class:`UnreadableAnswer`. That error names the field and never shows its value, which may be a
pre-authorised URL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from airflow_provider_onedrive.graph.protocol.errors import UnreadableAnswer

T = TypeVar("T")

_NUMBERS_END = 2**63
"""Graph's integers are Edm.Int64; a larger one would overflow as an offset in a local file."""
_MAX_DEPTH = 100
"""Graph's answers have fewer than ten levels."""
_SECONDS_END = 1e11
"""The year 5138 in seconds since 1970: what is beyond overflows a clock."""
_KINDS: Mapping[type, str] = {
    str: "a text",
    int: "an integer",
    float: "a fraction",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "missing",
}


def parse(content: bytes | str) -> Any:
    """Return the parsed JSON, or None where the content is not JSON or is too deeply nested to be read."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return None if _is_too_deep(value, content) else value


def _is_too_deep(value: Any, content: bytes | str) -> bool:
    """Return whether values are nested deeper than any answer of Graph, level by level: a recursion would not end."""
    opening = ("[", "{") if isinstance(content, str) else (b"[", b"{")
    if sum(map(content.count, opening)) <= _MAX_DEPTH:  # type: ignore[arg-type]  # the marks are of the content's type
        return False  # most answers end here: there cannot be more levels than opening brackets
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = (each.values() if type(each) is dict else each for each in level)
        level = [each for values in inner for each in values if type(each) in (dict, list)]
        if not level:
            return False
    return True


def optional(data: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a field, or None where it is missing or null: OData makes no difference between them.

    :raises UnreadableAnswer: if it has another type.
    """
    value: T | None = data.get(name)
    if value is None or type(value) is kind:  # the exact type, because true is an int
        return value
    raise unreadable(name, value, kind)


def required(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return a field.

    :raises UnreadableAnswer: if it is missing, null, or of another type.
    """
    value: T | None = optional(data, name, kind)
    if value is None:
        raise unreadable(name, None, kind)
    return value


def nested(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object within an object; an empty one where it is missing or null.

    :raises UnreadableAnswer: if it has another type.
    """
    value = data.get(name)
    if value is None:
        return {}
    if type(value) is dict:
        return value
    raise unreadable(name, value, dict)


def objects(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects.

    :raises UnreadableAnswer: if it is missing or null, or holds anything but objects.
    """
    values = required(data, name, list)
    for value in values:
        if type(value) is not dict:
            raise unreadable(name, value, dict)
    return values


def identifier(data: Mapping[str, Any], name: str = "id") -> str:
    """Return the id of an item, drive or site, which becomes a part of URLs.

    :raises UnreadableAnswer: if it is missing, empty, or not a printable text.
    """
    value = data.get(name)
    # "." and ".." would lead to another address.
    if type(value) is str and value.isprintable() and value not in ("", ".", ".."):
        return value
    raise unreadable(name, value, str)


def header_text(data: Mapping[str, Any], name: str) -> str | None:
    """Return a text that becomes the value of a header, or None where it is missing or null.

    :raises UnreadableAnswer: if it is not a text of printable ASCII.
    """
    value = optional(data, name, str)
    if value is None or (value.isascii() and value.isprintable()):
        return value
    raise unreadable(name, value, str)


def has_id(value: object) -> bool:
    """Return whether a value is an object that names what it is."""
    try:
        return isinstance(value, dict) and bool(identifier(value))
    except UnreadableAnswer:
        return False


def count(data: Mapping[str, Any], name: str) -> int | None:
    """Return a number from 0 on, or None where it is missing or null.

    :raises UnreadableAnswer: if it is negative, has more than 63 bits, or is not an integer.
    """
    value = optional(data, name, int)
    if value is None or 0 <= value < _NUMBERS_END:
        return value
    raise UnreadableAnswer(f"The answer's field {name!r} is out of range", field=name)


def seconds(data: Mapping[str, Any], name: str) -> float:
    """Return a number of seconds; 0 where it is missing or makes no sense. Some token endpoints write it as text."""
    try:
        value = float(data.get(name) or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return value if abs(value) < _SECONDS_END else 0.0  # not a number is less than nothing


def unreadable(name: str, value: object, kind: type) -> UnreadableAnswer:
    """Return the error of a field that is missing or has another type than ``kind``."""
    if type(value) is kind:
        text = "cannot be used"
    else:
        text = f"is {_KINDS.get(type(value), 'of another type')} instead of {_KINDS[kind]}"
    return UnreadableAnswer(f"The answer's field {name!r} {text}", field=name)
