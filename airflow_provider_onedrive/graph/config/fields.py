"""Reads the fields of a connection one by one.

Any value may be text: a connection written as a URI has nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.fields import parse

Choice = TypeVar("Choice", bound=str)

FORM_NAMES = {"client_id": "login (client id)", "client_secret": "password (client secret)"}
_MOST_ENCODINGS = 4
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def wrong(name: str, reason: str, advice: str) -> ConfigurationError:
    """Return an error that names the field as the form does."""
    return ConfigurationError(f"The connection's field {FORM_NAMES.get(name, name)} {reason}", advice=advice)


def required(given: Mapping[str, Any], name: str, auth: str) -> str:
    if value := text(given, name):
        return value
    raise wrong(name, f"is empty, and auth {auth!r} needs it.", "Fill it in.")


def text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise wrong(name, "is not text.", "Put it in quotes.")
    return value.strip()


def unstripped(given: Mapping[str, Any], name: str) -> str:
    """Read text with its blanks: a passphrase may end in one."""
    text(given, name)
    return str(given.get(name, ""))


def header(given: Mapping[str, Any], name: str) -> str:
    """Read text that becomes a header. It is checked here because httpx's error would quote it, a secret included."""
    value = text(given, name)
    if not (value.isascii() and value.isprintable()):
        raise wrong(
            name,
            "holds a line break or another character that no header can hold.",
            "Write it in one line of ASCII.",
        )
    return value


def choice(given: Mapping[str, Any], name: str, allowed: Collection[Choice], default: Choice) -> Choice:
    """Read one of a few words."""
    text = str(given.get(name, default)).strip()
    for value in allowed:
        if value == text:
            return value
    raise wrong(name, f"is {text!r}.", f"Use one of {', '.join(allowed)}.")


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Read true or false; an absent field is false."""
    value = str(given.get(name, False)).strip().lower()
    if value not in (*_TRUE, *_FALSE):
        raise wrong(name, f"is {value!r}.", "Use true or false.")
    return value in _TRUE


def number(given: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    """Read a number between two limits, which are included; None if the field is empty."""
    if name not in given:
        return None
    value = given[name]
    try:
        # float(True) is 1.0, but nobody who writes true means one request a second.
        read = least - 1 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        read = least - 1
    if not least <= read <= most:
        raise wrong(name, f"is {value!r}.", f"Give {least:g} to {most:g}.")
    return read


def whole_number(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """Read a whole number as :func:`number` does."""
    value = number(given, name, least, most)
    if value is not None and value != int(value):
        raise wrong(name, f"is {given[name]!r}.", f"Give a whole number from {least} to {most}.")
    return None if value is None else int(value)


def words(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a list, or text with blanks or commas between its words."""
    value = given.get(name, ())
    if not isinstance(value, (str, list, tuple)):
        raise wrong(name, "is neither text nor a list.", "Put it in quotes.")
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else tuple(map(str, value))


def lines(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a list of texts, a JSON list, or text with one in each line."""
    value = given.get(name, ())
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _json(value, name)
    if isinstance(value, str):
        value = value.splitlines()
    if not (isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)):
        raise wrong(name, "is not a list of texts.", 'Write it like ["myfiles/Finance"], or one in each line.')
    return tuple(each.strip() for each in value if each.strip())


def table(given: Mapping[str, Any], name: str, example: str) -> dict[str, str]:
    """Read an object whose values are texts; the object itself may be JSON text."""
    value = given.get(name, {})
    if isinstance(value, str):
        value = _json(value, name)
    if not (isinstance(value, dict) and all(isinstance(each, str) and key for key, each in value.items())):
        raise wrong(name, "is not an object of names and texts.", f"Write it like {example}.")
    return {str(key): each.strip() for key, each in value.items()}


def _json(value: str, name: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        # Without the text around the position: it may hold a sharing link, which is a secret.
        reason = getattr(error, "msg", str(error))
        position = getattr(error, "pos", 0)
        raise wrong(name, f"is not JSON: {reason} at character {position}.", "Check its quotes and commas.") from None


def decoded_object(value: Any, shown: str, example: str) -> dict[str, Any]:
    """Return an object that may be JSON text, or JSON text of JSON text: scripts and secrets backends encode it again.

    :param shown: what holds it, for the error.
    :raises ConfigurationError: if it is not an object.
    """
    for _ in range(_MOST_ENCODINGS):
        if isinstance(value, str):
            value = parse(value)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{shown} is not a JSON object.", advice=f"Write it like {example}.")
    return {str(name): each for name, each in value.items()}


def split_url(address: str, *schemes: str) -> SplitResult | None:
    """Split the address of a host; None if it is not one."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # only reading it raises the error about a port that is not a number
    except ValueError:
        return None
    is_plain = address.isascii() and address.isprintable()
    return parts if is_plain and parts.scheme in schemes and parts.hostname else None
