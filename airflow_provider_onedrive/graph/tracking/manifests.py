"""A manifest: the items of a folder tree, and the cursor of delta, in one file that is whole or does not exist.

JSON Lines: the first line describes the folder, each other line is an item. A name that ends in ``.parquet`` makes it
a Parquet file.
"""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from airflow_provider_onedrive.graph.content.files import replacing
from airflow_provider_onedrive.graph.content.sinks import explained
from airflow_provider_onedrive.graph.content.sources import StoredObject, is_stored
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking import parquet

FORMAT = "onedrive-manifest"
# A new key in the head needs no new version. A reader that does not know the key ignores it; one that does not know the
# version lists everything and reports it as created.
VERSION = 1
_TIMES = ("created_at", "modified_at", "client_modified_at")
_MORE = ("parent_id", "child_count", "drive_type", "package_type", "is_root", "is_shortcut")
# What belongs to one transfer or one match, and not to the item.
_LEFT_OUT = ("outcome", "server_rewrote", "local_path", "groups")


@dataclass(frozen=True)
class Delivery:
    """The changes that a run was given, for another attempt of it. The manifest has the items after them.

    :param run_key: names the run.
    :param before: by id, the changed items as they were before the changes, None for a new one. None instead of the
        mapping means that there were no items before.
    :param full_because: as in the result of the run, like ``cursor_age_seconds``.
    """

    run_key: str
    before: Mapping[str, DriveItem | None] | None = field(repr=False)
    full_because: str
    cursor_age_seconds: float | None

    def items_before(self, items: Mapping[str, DriveItem]) -> dict[str, DriveItem]:
        """Return the items as they were before the changes.

        :param items: those of the manifest, by id.
        """
        if self.before is None:
            return {}
        return {key: item for key, item in {**items, **self.before}.items() if item is not None}

    def to_dict(self) -> dict[str, Any]:
        rows = {key: item and row_of(item) for key, item in (self.before or {}).items()}
        return {
            "run_key": self.run_key,
            "full_because": self.full_because,
            "cursor_age_seconds": self.cursor_age_seconds,
            # Compressed: many readers of JSON Lines limit the length of a line, and this one holds all the changes.
            "before": None if self.before is None else _packed(rows),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Delivery:
        """Read what :meth:`to_dict` returned.

        :raises ValueError: if it is something else; or TypeError or KeyError.
        """
        packed = data["before"]
        rows = None if packed is None else _unpacked(packed).items()
        before = None if rows is None else {key: row and item_of_row(row) for key, row in rows}
        return cls(data["run_key"], before, data["full_because"], data["cursor_age_seconds"])


@dataclass(frozen=True)
class Head:
    """The head of a manifest: the folder, and the moment that the items are of.

    :param folder: the folder's own item.
    :param cursor: where the next round of delta begins; None if everything has to be listed. It is no secret: without a
        token it opens nothing.
    :param written_at: ISO text; ``full_at`` of the last complete listing.
    :param delivery: the changes that led to these items; None if they were given to no run with a name.
    """

    folder: DriveItem
    cursor: str | None
    written_at: str
    full_at: str
    delivery: Delivery | None = None

    def to_dict(self) -> dict[str, Any]:
        times = {"cursor": self.cursor, "written_at": self.written_at, "full_at": self.full_at}
        delivery = {} if self.delivery is None else {"delivery": self.delivery.to_dict()}
        return {"format": FORMAT, "version": VERSION, **times, "folder": row_of(self.folder), **delivery}


class Unreadable(Exception):
    """A manifest that cannot be continued; the text is the reason."""


@contextmanager
def open_manifest(output: Path | StoredObject) -> Iterator[tuple[Head, Iterator[DriveItem]] | None]:
    """Open a manifest.

    :return: its head and its items, which are read one by one; None if there is no manifest.
    :raises Unreadable: with the reason, also while the items are read.
    """
    with ExitStack() as opened:
        try:
            file = opened.enter_context(_opened(output))
        except FileNotFoundError:
            yield None
            return
        except OSError as error:  # an unreadable manifest is not a missing one: a new one would report all as created
            raise ConfigurationError(f"{output} cannot be read: {error.strerror}.", advice="Check the path.") from None
        try:
            head, rows = parquet.read(file) if _is_parquet(output) else _lines(file)
        except ValueError:
            raise Unreadable("it has no head of a manifest") from None
        yield _head(head), _items(rows)


def _is_parquet(output: Path | StoredObject) -> bool:
    return str(output).lower().endswith(".parquet")


def _opened(output: Path | StoredObject) -> Any:
    return output.fs.open(output.path, "rb") if is_stored(output) else Path(str(output)).open("rb")


def write_manifest(output: Path | StoredObject, head: Head, items: Iterable[DriveItem]) -> None:
    """Write a manifest as a whole; the old one stays if that fails.

    :raises LocalFileError: if it cannot be written.
    :raises ConfigurationError: if it shall be Parquet, and pyarrow is not installed.
    """

    def write(file: BinaryIO) -> None:
        if _is_parquet(output):
            parquet.write(file, head.to_dict(), map(_timed_row, items))
        else:
            file.writelines(_line(row) for row in _rows(head, items))

    with explained(output):
        if is_stored(output):
            _store(output, write)
        else:
            path = Path(str(output))
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                write(file)


def row_of(item: DriveItem) -> dict[str, Any]:
    """Return the line of an item: its dict as in XCom, and the fields that the next run needs."""
    return item.to_dict() | {name: getattr(item, name) for name in _MORE} | {"hashes": dict(item.hashes)}


def item_of_row(row: Mapping[str, Any]) -> DriveItem:
    """Read the line of an item."""
    # Fields that a newer release added are passed over, so that an older one can read its manifest.
    names = {name for name in DriveItem.__dataclass_fields__ if name not in _LEFT_OUT}
    fields = {name: value for name, value in row.items() if name in names}
    times = {name: _time(fields[name]) for name in _TIMES if fields.get(name)}
    return DriveItem(**fields | times | {"hashes": dict(fields["hashes"])})


def _time(value: str | datetime) -> datetime:
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


def _timed_row(item: DriveItem) -> dict[str, Any]:
    return row_of(item) | {name: getattr(item, name) for name in _TIMES}


def _rows(head: Head, items: Iterable[DriveItem]) -> Iterator[dict[str, Any]]:
    yield head.to_dict()
    yield from map(row_of, items)


def _line(row: Mapping[str, Any]) -> bytes:
    # Windows and JSON both allow half a character in a name, which UTF-8 does not.
    return json.dumps(row, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"


def _lines(file: BinaryIO) -> tuple[Any, Iterator[dict[str, Any]]]:
    lines = iter(file)
    return json.loads(next(lines, b"")), map(json.loads, lines)


def _head(data: Any) -> Head:
    try:
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise Unreadable(f"it is no manifest of version {VERSION}")
        delivery = Delivery.from_dict(data["delivery"]) if data.get("delivery") else None
        return Head(item_of_row(data["folder"]), data["cursor"], data["written_at"], data["full_at"], delivery)
    except (ValueError, TypeError, KeyError):
        raise Unreadable("it has no head of a manifest") from None


def _packed(data: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()


def _unpacked(text: str) -> Any:
    """Return the data of a packed text.

    :raises ValueError: if it is none.
    """
    try:
        return json.loads(zlib.decompress(base64.b64decode(text)))
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _items(rows: Iterator[Mapping[str, Any]]) -> Iterator[DriveItem]:
    try:
        yield from map(item_of_row, rows)
    except (ValueError, TypeError, KeyError, OSError):
        raise Unreadable("a row of it is no item") from None


def _store(output: StoredObject, write: Callable[[BinaryIO], None]) -> None:
    """Send a whole file: many stores show a streamed object before it is complete."""
    with tempfile.NamedTemporaryFile("wb") as half:
        write(cast("BinaryIO", half))
        half.flush()
        output.fs.put_file(half.name, output.path)
