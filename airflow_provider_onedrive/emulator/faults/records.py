"""Dataclasses from JSON and back, with errors that name the expected value."""

from __future__ import annotations

import difflib
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_NAMES: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class ScriptError(ValueError):
    """A script that cannot be read. The message names the position, the error and the accepted values."""


def read(kind: type[T], value: object, where: str) -> T:
    """Create a dataclass from an object whose keys are its fields. ``json=False`` in a field's metadata excludes it.

    :raises ScriptError: a key is unknown or missing, or a value has the wrong type.
    """
    return build(kind, expect_object(value, where), where)


def build(kind: type[T], value: Mapping[str, Any], where: str, **more: Any) -> T:
    """:param more: fields that the caller has read himself."""
    hints = _hints(kind)
    for name, content in value.items():
        check_name(name, hints, where, "key")
        if not _fits(content, hints[name]):
            raise ScriptError(f"{where}: {name} must be {_text(hints[name])}, not {content!r}.")
    missing = [field.name for field in _fields(kind) if _is_required(field) and field.name not in value]
    if missing:
        raise ScriptError(f"{where}: {', '.join(missing)} is missing.")
    try:
        return kind(**value, **more)
    except ValueError as error:
        raise ScriptError(f"{where}: {error}.") from None


def write(instance: object) -> dict[str, Any]:
    """Return the fields that are not as they would be anyway."""
    values = ((field, getattr(instance, field.name)) for field in _fields(type(instance)))
    return {field.name: value for field, value in values if value != _default(field)}


def values(instance: object) -> dict[str, Any]:
    """Return all fields that a script may set."""
    return {name: getattr(instance, name) for name in names(type(instance))}


def names(kind: type) -> list[str]:
    return [field.name for field in _fields(kind)]


def expect_object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ScriptError(f"{where}: must be an object, not {value!r}.")
    return value


def check_name(name: str, allowed: Collection[str], where: str, what: str) -> None:
    if name not in allowed:
        raise ScriptError(f"{where}: unknown {what} {name!r}{suggestion(name, allowed)}")


def suggestion(name: str, allowed: Collection[str]) -> str:
    """Return a hint: the most similar name, else all names."""
    # A name that was only begun is the most frequent mistake, and difflib does not find it.
    begun = [each for each in sorted(allowed) if name and each.startswith(name.lower())]
    near = begun or difflib.get_close_matches(name.lower(), sorted(allowed), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(sorted(allowed))}."


def _fields(kind: type) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.init and field.metadata.get("json", True)]


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in names(kind) if get_origin(hints[name]) is not ClassVar}


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _fits(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return any(_fits(value, each) for each in get_args(hint))
    if origin is Literal:
        # With the type, because true equals 1.
        return value in get_args(hint) and type(value) is type(get_args(hint)[0])
    if origin is not None:
        return _fits_collection(value, origin, get_args(hint))
    # In Python true is an int, but a script that writes true for a number has a mistake.
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _fits_collection(value: object, origin: Any, inner: tuple[Any, ...]) -> bool:
    if issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)


def _text(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join(_text(each) for each in get_args(hint))
    if origin is Literal:
        return " or ".join(repr(each) for each in get_args(hint))
    if origin is not None:
        return "an object of texts" if issubclass(origin, Mapping) else "a list of texts"
    return "null" if hint is types.NoneType else _NAMES.get(hint, str(hint))
