"""Reads the fields of a connection one by one. Values may be text, as a connection URI makes them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

Choice = TypeVar("Choice", bound=str)

FORM_NAMES = {"client_id": "login (client id)", "client_secret": "password (client secret)"}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_PEM = "-----BEGIN"


def wrong(name: str, what: str, advice: str) -> ConfigurationError:
    """Name the field that is wrong."""
    return ConfigurationError(f"The connection's field {FORM_NAMES.get(name, name)} {what}", advice=advice)


def required(given: Mapping[str, Any], name: str, auth: str) -> str:
    if found := text(given, name):
        return found
    raise wrong(name, f"is empty, and auth {auth!r} needs it.", "Fill it in.")


def text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise wrong(name, "is no text.", "Put it in quotes.")
    return value.strip()


def header(given: Mapping[str, Any], name: str) -> str:
    """Read text that becomes a header: the HTTP library's error would show what it cannot send."""
    found = text(given, name)
    if not (found.isascii() and found.isprintable()):
        raise wrong(
            name,
            "holds a line break or another character that no header can hold.",
            "Write it in one line of ASCII.",
        )
    return found


def choice(given: Mapping[str, Any], name: str, allowed: Collection[Choice], default: Choice) -> Choice:
    text = str(given.get(name, default)).strip()
    for value in allowed:
        if value == text:
            return value
    raise wrong(name, f"is {text!r}.", f"Use one of {', '.join(allowed)}.")


def flag(given: Mapping[str, Any], name: str) -> bool:
    value = str(given.get(name, False)).strip().lower()
    if value not in (*_TRUE, *_FALSE):
        raise wrong(name, f"is {value!r}.", "Use true or false.")
    return value in _TRUE


def number(given: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    """Read a number; None where there is none."""
    if name not in given:
        return None
    value = given[name]
    try:
        found = least - 1 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = least - 1
    if not least <= found <= most:
        raise wrong(name, f"is {value!r}.", f"Give {least:g} to {most:g}.")
    return found


def whole_number(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    found = number(given, name, least, most)
    if found is not None and found != int(found):
        raise wrong(name, f"is {given[name]!r}.", f"Give a whole number from {least} to {most}.")
    return None if found is None else int(found)


def words(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a list, or text with blanks or commas between its words."""
    value = given.get(name, ())
    if not isinstance(value, (str, list, tuple)):
        raise wrong(name, "is no text and no list.", "Put it in quotes.")
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else tuple(map(str, value))


def lines(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a list of texts, a JSON list, or text with one in each line."""
    value = given.get(name, ())
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _json(value, name)
    if isinstance(value, str):
        value = value.splitlines()
    if not (isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)):
        raise wrong(name, "is no list of texts.", 'Write it like ["myfiles/Finance"], or one in each line.')
    return tuple(each.strip() for each in value if each.strip())


def table(given: Mapping[str, Any], name: str, example: str) -> dict[str, str]:
    """Read an object whose values are texts, as such or as JSON."""
    value = given.get(name, {})
    if isinstance(value, str):
        value = _json(value, name)
    if not (isinstance(value, dict) and all(isinstance(each, str) and key for key, each in value.items())):
        raise wrong(name, "is no object of names and texts.", f"Write it like {example}.")
    return {str(key): each.strip() for key, each in value.items()}


def _json(value: str, name: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        where = getattr(error, "pos", 0)
        raise wrong(name, f"is not JSON: {reason} at character {where}.", "Check its quotes and commas.") from None


def split_url(address: str, *schemes: str) -> SplitResult | None:
    """Split an address of a host; None where it is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    is_plain = address.isascii() and address.isprintable()
    return parts if is_plain and parts.scheme in schemes and parts.hostname else None


def pem(given: Mapping[str, Any], name: str) -> str:
    """Read PEM text, or that of the file which is named; nothing where the field is empty."""
    found = text(given, name)
    if not found or _PEM in found:
        return found
    try:
        content = Path(found).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise wrong(
            name,
            f"is no PEM text and no readable PEM file ({type(error).__name__}).",
            "Give the text itself or the path of a file on every worker.",
        ) from None
    if _PEM not in content:
        raise wrong(name, "names a file that holds no PEM.", "Give the path of a PEM file.")
    return content


def authorities(given: Mapping[str, Any], name: str) -> str | None:
    """Read certificates to trust, and see that they can be read."""
    found = pem(given, name)
    if not found:
        return None
    try:
        ssl.create_default_context(cadata=found)
    except (OSError, ValueError) as error:
        raise wrong(
            name,
            f"is no PEM text and no readable PEM file ({type(error).__name__}).",
            "Give the certificate's text or the path of a file on every worker.",
        ) from None
    return found
