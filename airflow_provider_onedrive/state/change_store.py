"""Keeps the snapshot of a watched folder from one poll to the next: with an asset, or in Variables.

Airflow's stores are for small texts. So there is a head with delta's cursor; behind it, in pieces, a base of items, a
journal of their changes since, and a queue of the changes that are not delivered yet. The pieces are written before the
head, under names that the last head does not use, and the head is one text: if a process is killed, all pieces that the
head names are complete.

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/asset-state-store.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from airflow_provider_onedrive.compat import Variable, asset_ref
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.redaction import has_address
from airflow_provider_onedrive.graph.tracking.manifests import item_of_row, row_of
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot

log = logger(__name__)

VERSION = 1
_PIECE_CHARACTERS = 48_000  # Airflow takes 64 KiB for the most that a state store should hold
_JOURNAL_ROWS = 500  # the least, before a new base is written

T = TypeVar("T")
Part = tuple[str, int]
"""The name of a text that is kept in pieces, and the number of its pieces."""


@dataclass(frozen=True)
class Read:
    """Asks for a text; the answer is None if there is none."""

    key: str


@dataclass(frozen=True)
class Write:
    """Sets a text; None deletes it."""

    key: str
    text: str | None


Steps = Generator[Read | Write, str | None, T]
"""Reads and writes, without a store: both drivers do them."""


class _Unreadable(Exception):
    """The saved state cannot be continued; the text is the reason."""


class ChangeState:
    """The state of one watch.

    :param name: of the head; the names of the other texts begin with it.
    :raises ConfigurationError: if it is an address.
    """

    def __init__(self, name: str) -> None:
        # Airflow logs the name of a Variable that it cannot read, and a sharing link is a secret.
        if has_address(name):
            raise ConfigurationError(
                "variable is an address, and it names the Variable that keeps the state.",
                advice="Give it a name of its own, and the address as location.",
            )
        self.name = name
        self.queue: list[dict[str, Any]] = []
        """The saved changes that are not delivered yet."""
        self.handed: Mapping[str, Any] = {}
        """The run that a part of the queue was handed to, and the size of that part; plain JSON."""
        self._head: dict[str, Any] = {"number": 0, "base": None, "journal": [], "rows": 0, "queue": None}
        self._kept: Mapping[str, DriveItem] = {}
        self._kept_queue: list[dict[str, Any]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether the queue has changes that no run was handed."""
        return len(self.queue) > int(self.handed.get("count", 0))

    def load(self) -> Steps[FolderSnapshot | None]:
        """Read the snapshot; None if there is none, or if it cannot be read any more, which is logged."""
        text = yield Read(self.name)
        if text is None:
            return None
        try:
            return (yield from self._loaded(json.loads(text)))
        except (_Unreadable, ValueError, TypeError, KeyError, zlib.error) as error:
            log.warning("The saved state (%s) cannot be read: %s. The watch begins anew.", self.name, error)
            return None

    def save(self, snapshot: FolderSnapshot) -> Steps[None]:
        """Write the snapshot and the queue; at any moment the old or the new state is complete."""
        head = {**self._head, "number": self._head["number"] + 1, "version": VERSION}
        yield from self._save_items(head, snapshot)
        if self.queue is not self._kept_queue:
            head["queue"] = yield from self._write(f"{head['number']}.queue", self.queue)
        head |= _described(snapshot) | {"handed": self.handed}
        # From this write on the new state counts; the old pieces are deleted only after it.
        yield Write(self.name, json.dumps(head))
        kept = {tuple(part) for part in _parts(head)}
        obsolete = [part for part in _parts(self._head) if tuple(part) not in kept]
        self._head, self._kept, self._kept_queue = head, snapshot.items, self.queue
        for part in obsolete:
            for key in self._keys(part):
                yield Write(key, None)

    def _save_items(self, head: dict[str, Any], snapshot: FolderSnapshot) -> Steps[None]:
        """Write all items, or only the changed ones."""
        # Identity, not equality: an unchanged item is the same object in the next snapshot.
        rows = [row_of(item) for key, item in snapshot.items.items() if self._kept.get(key) is not item]
        rows += [{"id": key, "gone": True} for key in self._kept if key not in snapshot.items]
        if head["base"] is None or head["rows"] + len(rows) > max(_JOURNAL_ROWS, len(snapshot.items)):
            base = yield from self._write(f"{head['number']}.base", map(row_of, snapshot.items.values()))
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
        snapshot = FolderSnapshot(folder, head["cursor"], datetime.fromisoformat(head["full_at"]), above, items)
        self._head, self._kept, self.handed = head, items, head["handed"]
        self.queue = self._kept_queue = queue
        return snapshot

    def _keys(self, part: Part) -> list[str]:
        name, count = part
        return [f"{self.name}.{name}.{number}" for number in range(count)]

    def _write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Steps[Part]:
        # Compressed and in ASCII: a Variable is text, and rows of one folder are alike.
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


def _described(snapshot: FolderSnapshot) -> dict[str, Any]:
    return {
        "cursor": snapshot.cursor,
        "full_at": snapshot.full_at.isoformat(),
        "folder": row_of(snapshot.folder) if snapshot.folder is not None else None,
        "above": snapshot.above,
    }


class Store(Protocol):
    """Keeps texts, for an event loop."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, text: str | None) -> None: ...


class VariableStore:
    """Keeps each text in an Airflow Variable."""

    def read(self, key: str) -> str | None:
        text = Variable.get(key, None)
        return None if text is None else str(text)

    def write(self, key: str, text: str | None) -> None:
        if text is None:
            Variable.delete(key)
        else:
            # The description is for those who meet the Variable in Airflow's list, and would delete it.
            Variable.set(key, text, "The state of a watched OneDrive folder")

    async def get(self, key: str) -> str | None:
        return await asyncio.to_thread(self.read, key)

    async def set(self, key: str, text: str | None) -> None:
        await asyncio.to_thread(self.write, key, text)


class AssetStore:
    """Keeps texts in the state store of an asset (Airflow 3.3); before 3.3.2 it has only calls that block.

    :param accessors: Airflow's accessors of all assets that the trigger watches for.
    :param asset_name: the asset that keeps the texts; None if there is only one.
    :raises ConfigurationError: if there is no asset of that name.
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
        text = await self._call("get", key)
        return None if text is None else str(text)

    async def set(self, key: str, text: str | None) -> None:
        await (self._call("delete", key) if text is None else self._call("set", key, text))

    async def _call(self, name: str, *arguments: str) -> Any:
        call = getattr(self._accessor, f"a{name}", None)
        try:
            if call is not None:
                return await call(*arguments)
            return await asyncio.to_thread(getattr(self._accessor, name), *arguments)
        except ValueError:  # Airflow raises it if there are several assets
            raise ConfigurationError(
                "Several assets have this watcher, and only one of them can keep the state of the folder.",
                advice="Name it with asset_name, or give each asset a watcher of its own.",
            ) from None


def run(store: VariableStore, steps: Steps[T]) -> T:
    """Do the steps with a store, and return their result."""
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
    """Do the steps with a store on an event loop, and return their result."""
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
