"""Values as JSON and back, including the dataclasses of the emulator.

A field that a later release adds has its default in an older record. An unknown field is ignored.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from typing import Any

from airflow_provider_onedrive.emulator.items.destinations import Destination
from airflow_provider_onedrive.emulator.items.preconditions import Preconditions
from airflow_provider_onedrive.emulator.model.changes import Tombstone
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.item import Checkout, FileTimes, Remote, Version
from airflow_provider_onedrive.emulator.model.library import Library
from airflow_provider_onedrive.emulator.model.quota import Quota
from airflow_provider_onedrive.emulator.model.sharing import Permission
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.model.tenant import Group, Tenant, User

# The records that a directory may hold, by the names in its rows: these names must not change.
_RECORDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(Tenant, User, Group, SharePointSite, Library, Quota, Version, Checkout, Remote, FileTimes, Permission),
        *(Tombstone, Destination, Preconditions),
    )
}
_KIND, _VALUE = "$", "v"
_Plain = str | int | float | bool | None


@dataclass(frozen=True)
class References:
    """The names of values that have a record of their own."""

    content_key: Callable[[Content], str]
    content: Callable[[str], Content]
    drive: Callable[[str], Drive]
    item: Callable[[str], Item]


class Encoding:
    def __init__(self, references: References) -> None:
        self._references = references

    def write(self, value: Any) -> str:
        return json.dumps(self._plain(value), ensure_ascii=False, separators=(",", ":"))

    def read(self, text: str) -> Any:
        return self._value(json.loads(text))

    def write_fields(self, instance: Any, without: frozenset[str]) -> str:
        """Write a dataclass without its name and without some of its fields."""
        names = (field.name for field in _stored(type(instance)) if field.name not in without)
        return self.write({name: getattr(instance, name) for name in names})

    def _plain(self, value: Any) -> Any:
        # Most values are plain; tags are written only where JSON loses the type.
        if isinstance(value, _Plain):
            return value
        if type(value) is list:
            return [self._plain(each) for each in value]
        if type(value) is dict and all(type(key) is str for key in value) and _KIND not in value:
            return {key: self._plain(each) for key, each in value.items()}
        kind, inner = self._tagged(value)
        return {_KIND: kind, _VALUE: inner}

    def _tagged(self, value: Any) -> tuple[str, Any]:
        for kind, (type_, write, _) in _SIMPLE.items():
            if type(value) is type_:
                return kind, write(value)
        if type(value) in _COLLECTIONS.values():
            return type(value).__name__, [self._plain(each) for each in value]
        if type(value) is dict:
            return "dict", [[self._plain(key), self._plain(each)] for key, each in value.items()]
        return self._tagged_object(value)

    def _tagged_object(self, value: Any) -> tuple[str, Any]:
        if isinstance(value, Content):
            return "content", self._references.content_key(value)
        if isinstance(value, Drive):
            return "drive", value.id
        if isinstance(value, Item):
            return "item", value.id
        name = type(value).__name__
        if _RECORDS.get(name) is type(value):
            return name, {_stored_name(each): self._plain(getattr(value, each.name)) for each in _stored(type(value))}
        raise TypeError(f"The store cannot keep a {type(value).__name__}.")

    def _value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self._value(each) for each in plain]
        if not isinstance(plain, dict):
            return plain
        if _KIND not in plain:
            return {key: self._value(each) for key, each in plain.items()}
        return self._untagged(plain[_KIND], plain[_VALUE])

    def _untagged(self, kind: str, inner: Any) -> Any:
        if kind in _SIMPLE:
            return _SIMPLE[kind][2](inner)
        if kind in _COLLECTIONS:
            return _COLLECTIONS[kind](self._value(each) for each in inner)
        if kind == "dict":
            return {self._value(key): self._value(each) for key, each in inner}
        if kind in {"content", "drive", "item"}:
            return getattr(self._references, kind)(inner)
        # Older directories name the module as well, as in ".places.tenant:User".
        return self._instance(_RECORDS[kind.rpartition(":")[2]], inner)

    def _instance(self, kind: type, inner: dict[str, Any]) -> Any:
        """Fill in the fields without calling the constructor, which may do more than that."""
        instance: Any = object.__new__(kind)
        for field in fields(kind):
            name = _stored_name(field)
            value = self._value(inner[name]) if name in inner else _default(field)
            object.__setattr__(instance, field.name, value)
        return instance


_SIMPLE: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "time": (datetime, datetime.isoformat, datetime.fromisoformat),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
}
_STORED: dict[Any, tuple[Field[Any], ...]] = {}
_COLLECTIONS: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _stored(kind: Any) -> tuple[Field[Any], ...]:
    """Return the fields to write; ``stored=False`` in a field's metadata keeps it out."""
    if kind not in _STORED:
        _STORED[kind] = tuple(field for field in fields(kind) if field.metadata.get("stored", True))
    return _STORED[kind]


def _stored_name(field: Field[Any]) -> str:
    """Return the name of a field in a record: its own, or the text in ``stored``, if it was renamed later."""
    name = field.metadata.get("stored")
    return name if isinstance(name, str) else field.name


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default
