"""Keeps what is known of a watched folder from one look to the next: with an asset, or in Variables.

Airflow's stores are for small texts. So there is a head, which says where delta goes on; behind it, in pieces, the
items as they once were, a journal of what has changed in them since, and a queue of what is still to be told. All of it
is written before the head, under names that the last head does not use, and the head is one text: whatever is
interrupted, what the head names is complete.

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/asset-state-store.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import zlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from airflow_provider_onedrive.compat import Variable, asset_ref
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.manifests import item_of_row, row_of
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot

log = logging.getLogger(__name__)

VERSION = 1
_PIECE_CHARACTERS = 48_000  # Airflow takes 64 KiB for the most that a state store should hold
_JOURNAL_ROWS = 500  # so many at least, before all items are written anew

T = TypeVar("T")
Part = tuple[str, int]
"""The name of something that is kept in pieces, and how many there are."""


@dataclass(frozen=True)
class Read:
    """Asks for a text; None is the answer where there is none."""

    key: str


@dataclass(frozen=True)
class Write:
    """Sets a text; None takes it away."""

    key: str
    text: str | None


Steps = Generator[Read | Write, str | None, T]
"""What is to be done with a store, whichever it is."""


class _Unreadable(Exception):
    """What is kept cannot be gone on with; the text says why."""


class ChangeState:
    """What is kept under a name.

    :param name: of the head; the other texts have names that begin with it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.queue: list[dict[str, Any]] = []
        """What is kept as still to be told."""
        self.handed: Mapping[str, Any] = {}
        """Who was told how much of the queue; plain JSON."""
        self._head: dict[str, Any] = {"number": 0, "base": None, "journal": [], "rows": 0, "queue": None}
        self._kept: Mapping[str, DriveItem] = {}
        self._kept_queue: list[dict[str, Any]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether there is something in the queue that nobody was told."""
        return len(self.queue) > int(self.handed.get("count", 0))

    def load(self) -> Steps[FolderSnapshot | None]:
        """Read what is known; None where nothing is, or where it cannot be read any more, which is said."""
        text = yield Read(self.name)
        if text is None:
            return None
        try:
            return (yield from self._loaded(json.loads(text)))
        except (_Unreadable, ValueError, TypeError, KeyError, zlib.error) as error:
            log.warning("What was known of the folder (%s) cannot be read: %s. It begins anew.", self.name, error)
            return None

    def save(self, known: FolderSnapshot) -> Steps[None]:
        """Keep what is known, and the queue; at any moment the old or the new is there."""
        head = {**self._head, "number": self._head["number"] + 1, "version": VERSION}
        yield from self._save_items(head, known)
        if self.queue is not self._kept_queue:
            head["queue"] = yield from self._write(f"{head['number']}.queue", self.queue)
        head |= _described(known) | {"handed": self.handed}
        yield Write(self.name, json.dumps(head))
        kept = {tuple(part) for part in _parts(head)}
        obsolete = [part for part in _parts(self._head) if tuple(part) not in kept]
        self._head, self._kept, self._kept_queue = head, known.items, self.queue
        for part in obsolete:
            for key in self._keys(part):
                yield Write(key, None)

    def _save_items(self, head: dict[str, Any], known: FolderSnapshot) -> Steps[None]:
        """Write all items, or only those that are not what they were."""
        rows = [row_of(item) for key, item in known.items.items() if self._kept.get(key) is not item]
        rows += [{"id": key, "gone": True} for key in self._kept if key not in known.items]
        if head["base"] is None or head["rows"] + len(rows) > max(_JOURNAL_ROWS, len(known.items)):
            base = yield from self._write(f"{head['number']}.base", map(row_of, known.items.values()))
            head |= {"base": base, "journal": [], "rows": 0}
        elif rows:
            part = yield from self._write(f"{head['number']}.journal", rows)
            head |= {"journal": [*head["journal"], part], "rows": head["rows"] + len(rows)}

    def _loaded(self, head: dict[str, Any]) -> Steps[FolderSnapshot]:
        if head["version"] != VERSION:
            raise _Unreadable(f"it is of version {head['version']}")
        items: dict[str, DriveItem] = {}
        for part in (head["base"], *head["journal"]):
            for row in (yield from self._read(part)):
                if row.get("gone"):
                    items.pop(row["id"], None)
                else:
                    items[row["id"]] = item_of_row(row)
        queue = (yield from self._read(head["queue"])) if head["queue"] else []
        above = {key: (name, parent) for key, (name, parent) in head["above"].items()}
        folder = item_of_row(head["folder"]) if head["folder"] else None
        known = FolderSnapshot(folder, head["cursor"], datetime.fromisoformat(head["full_at"]), above, items)
        self._head, self._kept, self.handed = head, items, head["handed"]
        self.queue = self._kept_queue = queue
        return known

    def _keys(self, part: Part) -> list[str]:
        name, count = part
        return [f"{self.name}.{name}.{number}" for number in range(count)]

    def _write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Steps[Part]:
        packed = base64.b64encode(zlib.compress("\n".join(map(json.dumps, rows)).encode())).decode()
        pieces = [packed[at : at + _PIECE_CHARACTERS] for at in range(0, len(packed), _PIECE_CHARACTERS)]
        part = (name, len(pieces))
        for key, piece in zip(self._keys(part), pieces, strict=True):
            yield Write(key, piece)
        return part

    def _read(self, part: Part) -> Steps[list[dict[str, Any]]]:
        pieces = []
        for key in self._keys(part):
            if (piece := (yield Read(key))) is None:
                raise _Unreadable(f"its part {key} is missing")
            pieces.append(piece)
        return [json.loads(line) for line in zlib.decompress(base64.b64decode("".join(pieces))).splitlines()]


def _parts(head: Mapping[str, Any]) -> list[Part]:
    return [part for part in (head["base"], *head["journal"], head["queue"]) if part]


def _described(known: FolderSnapshot) -> dict[str, Any]:
    return {
        "cursor": known.cursor,
        "full_at": known.full_at.isoformat(),
        "folder": row_of(known.folder) if known.folder is not None else None,
        "above": known.above,
    }


class Store(Protocol):
    """Where texts are kept, for an event loop."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, text: str | None) -> None: ...


class VariableStore:
    """Airflow's Variables: each text is one of them."""

    def read(self, key: str) -> str | None:
        found = Variable.get(key, None)
        return None if found is None else str(found)

    def write(self, key: str, text: str | None) -> None:
        if text is None:
            Variable.delete(key)
        else:
            Variable.set(key, text, "What is known of a OneDrive folder that is watched")

    async def get(self, key: str) -> str | None:
        return await asyncio.to_thread(self.read, key)

    async def set(self, key: str, text: str | None) -> None:
        await asyncio.to_thread(self.write, key, text)


class AssetStore:
    """The state store of an asset (Airflow 3.3); before 3.3.2 it has only calls that block.

    :param accessors: what Airflow gave to the trigger, for all assets that it watches for.
    :param asset_name: which of them keeps the texts; None where there is one.
    :raises ConfigurationError: if there is none of that name.
    """

    def __init__(self, accessors: Any, asset_name: str | None) -> None:
        try:
            self._accessor = accessors if asset_name is None else accessors[asset_ref(asset_name)]
        except KeyError:
            raise ConfigurationError(
                f"asset_name is {asset_name!r}, and the trigger watches for no asset of that name.",
                advice="Give the name of one of the assets that have this watcher.",
            ) from None

    async def get(self, key: str) -> str | None:
        found = await self._call("get", key)
        return None if found is None else str(found)

    async def set(self, key: str, text: str | None) -> None:
        await (self._call("delete", key) if text is None else self._call("set", key, text))

    async def _call(self, name: str, *arguments: str) -> Any:
        call = getattr(self._accessor, f"a{name}", None)
        try:
            if call is not None:
                return await call(*arguments)
            return await asyncio.to_thread(getattr(self._accessor, name), *arguments)
        except ValueError:  # what Airflow says where there are several
            raise ConfigurationError(
                "Several assets have this watcher, and only one of them can keep what is known of the folder.",
                advice="Name it with asset_name, or give each asset a watcher of its own.",
            ) from None


def run(store: VariableStore, steps: Steps[T]) -> T:
    """Do what is to be done with a store."""
    answer: str | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = None
        if isinstance(step, Read):
            answer = store.read(step.key)
        else:
            store.write(step.key, step.text)


async def arun(store: Store, steps: Steps[T]) -> T:
    """Do what is to be done with a store, on an event loop."""
    answer: str | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = None
        if isinstance(step, Read):
            answer = await store.get(step.key)
        else:
            await store.set(step.key, step.text)
