"""A drive as tests see it: they fill and inspect it without a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import sharing
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, FileTimes, Item
from airflow_provider_onedrive.emulator.model.item import Remote
from airflow_provider_onedrive.emulator.model.quota import Shown
from airflow_provider_onedrive.emulator.model.sharing import Permission

LinkScope = Literal["anonymous", "organization"]


class EmulatedDrive:
    """Paths are relative to the root of the drive, in plain text; names are compared as the service compares them."""

    def __init__(self, drive: Drive, views: ItemViews) -> None:
        self._drive = drive
        self._views = views

    @property
    def id(self) -> str:
        return self._drive.id

    @property
    def web_url(self) -> str:
        """Return the address that a browser shows."""
        return self._views.store_url + self._drive.library.address

    @property
    def deny(self) -> bool:
        """While true, every Graph request to this drive is answered 403."""
        return self._drive.deny

    @deny.setter
    def deny(self, value: bool) -> None:
        self._drive.deny = value

    @property
    def quota_bytes(self) -> int:
        """How much the drive may hold; less than is there already makes it ``exceeded``."""
        return self._drive.quota.total

    @quota_bytes.setter
    def quota_bytes(self, total: int) -> None:
        with self._drive.change():
            self._drive.quota = replace(self._drive.quota, total=total)

    @property
    def quota_shown(self) -> Shown:
        """How much of its quota the drive reports: ``whole``, ``without_remaining``, ``zero_remaining``, ``absent``."""
        return self._drive.quota.shown

    @quota_shown.setter
    def quota_shown(self, shown: Shown) -> None:
        with self._drive.change():
            self._drive.quota = replace(self._drive.quota, shown=shown)

    @property
    def numbers_items(self) -> bool:
        """While true, new items of a personal drive get ids of the form before 2025: ``CID!123``."""
        return self._drive.numbers_items

    @numbers_items.setter
    def numbers_items(self, value: bool) -> None:
        self._drive.numbers_items = value

    @property
    def recycle_bin(self) -> list[str]:
        """Return the paths of the items in the recycle bin."""
        return self._drive.recycle_bin

    def put(self, path: str, content: bytes = b"", *, modified_at: datetime | None = None) -> dict[str, Any]:
        """Create or replace a file, and create its missing parent folders.

        :param modified_at: modification time in ``fileSystemInfo``, None = now.
        """
        times = FileTimes(modified=modified_at)
        *above, name = _names(path)
        with self._drive.change():
            parent = self._make_folders(above)
            # As in the service, a replaced file keeps its id and gets one more version.
            existing = parent.child(name)
            if existing and existing.is_folder:
                raise IsADirectoryError(path)
            if existing:
                item = self._drive.replace(existing, Content(content), self._drive.author, times)
            else:
                item = self._drive.add_file(parent, name, Content(content), self._drive.author, times)
            return self._json(item)

    def put_all(self, contents: Mapping[str, bytes | str | None]) -> None:
        """Create or replace many files, text as UTF-8; a path that ends in ``/`` is a folder, and has None."""
        with self._drive.change():
            for path, content in contents.items():
                if path.endswith("/"):
                    self._make_folders(_names(path))
                else:
                    self.put(path, content.encode() if isinstance(content, str) else content or b"")

    def folder(self, path: str) -> dict[str, Any]:
        """Create a folder and those above it; one that exists is fine."""
        with self._drive.change():
            return self._json(self._make_folders(_names(path)))

    def read(self, path: str) -> bytes:
        content = self._item(path).content
        if content is None:
            raise IsADirectoryError(path)
        return content.read()

    def read_all(self, path: str = "") -> dict[str, bytes]:
        """Return all files below a folder by their paths in the drive, in the form that ``put_all`` takes."""
        with self._drive.lock:
            below = sorted(self._item(path).walk(), key=lambda item: item.path)
            return {item.path: item.content.read() for item in below if item.content is not None}

    def tree(self, path: str = "") -> str:
        """Return all folders and files below a folder as text, one on a line, folders first and two spaces deeper."""
        with self._drive.lock:
            return "\n".join(_lines(self._item(path), ""))

    def exists(self, path: str) -> bool:
        return self._drive.resolve(self._drive.root, tuple(_names(path))) is not None

    def item(self, path: str = "") -> dict[str, Any]:
        """Return the driveItem as Graph would show it."""
        with self._drive.lock:
            return self._json(self._item(path))

    def paths(self) -> list[str]:
        """Return all files and folders, sorted; a folder's path ends in ``/``."""
        with self._drive.lock:
            return sorted(item.path + "/" * item.is_folder for item in self._drive.root.walk())

    def delete(self, path: str) -> None:
        with self._drive.change():
            self._drive.remove(self._item(path))

    def open_in_editor(self, path: str) -> None:
        """Open a file in an editor without changing it: its eTag moves, and an If-Match with the former one fails."""
        # Seen in SharePoint: an editor that only shows a file moves its eTag (AB#36).
        self._drive.advance_etag(self._item(path))

    def mark_malware(self, path: str, description: str = "Malware") -> None:
        """Let the service find malware in a file: it gets the facet, and its download is 403 until it is replaced."""
        with self._drive.change() as change:
            item = self._item(path)
            change.edit(item)
            item.malware = description

    def set_last_modified(self, path: str, moment: datetime) -> None:
        """Set ``lastModifiedDateTime``, the service's own time of the last change, and nothing else of an item.

        The time that a client sets, in ``fileSystemInfo``, is ``modified_at`` of :meth:`put`.
        """
        with self._drive.change() as change:
            item = self._item(path)
            change.edit(item)
            item.modified = moment.astimezone(UTC).replace(microsecond=0)

    def expire_delta_tokens(self) -> None:
        """Let every delta link given so far be answered with 410 and the address of a fresh enumeration."""
        self._drive.expire_delta_tokens()

    def lock(self, path: str) -> None:
        """Lock a file, as an editor does: changes are answered 423 until :meth:`unlock`."""
        with self._drive.change():
            self._drive.locked_items.add(self._item(path).id)

    def unlock(self, path: str) -> None:
        """Close it, also if it was checked out."""
        with self._drive.change() as change:
            item = self._item(path)
            self._drive.locked_items.discard(item.id)
            if item.checkout is not None:
                change.edit(item)
                item.checkout = None

    def hold(self, path: str) -> None:
        """Put an item on hold: deleting it, or a folder above it, is refused (403) until :meth:`release`."""
        with self._drive.change():
            self._drive.held_items.add(self._item(path).id)

    def release(self, path: str) -> None:
        with self._drive.change():
            self._drive.held_items.discard(self._item(path).id)

    def notebook(self, path: str) -> dict[str, Any]:
        """Create a OneNote notebook: a package, of which Graph gives no content."""
        *above, name = _names(path)
        with self._drive.change():
            notebook = self._drive.add_folder(self._make_folders(above), name, self._drive.author)
            notebook.package = "oneNote"
            # A notebook is a folder to the store and a package to clients, which cannot download its parts.
            for part in ("Open Notebook.onetoc2", "New Section 1.one"):
                self._drive.add_file(notebook, part, Content(part.encode()), self._drive.author)
            return self._json(notebook)

    def share(self, path: str, email: str, *, writes: bool = False) -> None:
        """Share an item with a user, as an invitation does."""
        self._give(path, Permission("write" if writes else "read", (email.lower(),)))

    def link(self, path: str, *, writes: bool = False, scope: LinkScope = "organization") -> str:
        """Make a sharing link and return its address."""
        secret = sharing.new_secret(self._item(path))
        kind, role = ("edit", "write") if writes else ("view", "read")
        self._give(path, Permission(role, link=kind, scope=scope, secret=secret))
        return self._views.store_url + sharing.link_path(self._drive.web_path, self._item(path), secret)

    def shortcut(self, name: str, drive: EmulatedDrive, path: str) -> dict[str, Any]:
        """Put a shortcut into the root that leads to a folder of another drive."""
        remote = Remote(drive.id, drive._item(path).id)
        with self._drive.change():
            return self._json(self._drive.add_shortcut(self._drive.root, name, self._drive.author, remote))

    def version_count(self, path: str) -> int:
        return self._item(path).versions

    def _give(self, path: str, permission: Permission) -> None:
        with self._drive.change() as change:
            item = self._item(path)
            change.edit(item)
            item.permissions = (*item.permissions, permission)

    def _item(self, path: str) -> Item:
        item = self._drive.resolve(self._drive.root, tuple(_names(path)))
        if item is None:
            raise FileNotFoundError(path)
        return item

    def _make_folders(self, names: list[str]) -> Item:
        folder = self._drive.root
        for name in names:
            folder = folder.child(name) or self._drive.add_folder(folder, name, self._drive.author)
            if not folder.is_folder:
                raise NotADirectoryError(folder.path)
        return folder

    def _json(self, item: Item) -> dict[str, Any]:
        return self._views.item_json(self._drive, item)


def _lines(folder: Item, indent: str) -> Iterator[str]:
    for child in sorted(folder.children.values(), key=lambda item: item.sort_key):
        yield f"{indent}{child.name}{'/' * child.is_folder}"
        yield from _lines(child, indent + "  ")


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]
