"""Quirks by which the service refuses a request for an item that is there."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.defaults import graph_error
from airflow_provider_onedrive.emulator.errors.problems import Problem, deletion_on_hold, missing_item
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.server.item_path import ItemPath

_QUIRKS = (
    *("invisible_reads", "missing_writes", "missing_root_every", "missing_folders", "missing_listings"),
    *("folders_on_hold", "locked_writes"),
)
_DELETIONS = frozenset({"delete", "permanent_delete"})
_WRITES = _DELETIONS | {"upload", "create_session", "update"}
_BY_ITEM = _DELETIONS | {"update", "copy", "create_session"}
_READS = frozenset({"GET", "HEAD"})
_LOCKED = 423


@dataclass(frozen=True)
class Refusals:
    """Refuses requests as the quirks say."""

    quirks: Quirks

    @property
    def are_off(self) -> bool:
        """Return True if none of these quirks is on, so that no URL needs to be followed."""
        return not any(getattr(self.quirks, name) for name in _QUIRKS)

    def check(self, request: Request, target: ItemPath) -> None:
        """Raise the ``Problem`` that refuses the request, or let it pass."""
        self._check_visible(request, target)
        self._check_missing_write(request, target)
        if target.item is not None:
            self._check_missing_read(request, target.item)
            self._check_hold(request, target.item)
            self._check_lock(request, target.item)

    def _check_visible(self, request: Request, target: ItemPath) -> None:
        for item in target.path:
            # A listing of a new folder counts as below it, because it shows the folder's children.
            is_below = item is not target.item or (item.is_folder and request.operation != "get")
            if (is_below or request.method in _READS) and self.quirks.take("invisible_reads", item.id):
                raise missing_item()

    def _check_missing_write(self, request: Request, target: ItemPath) -> None:
        if request.operation not in _BY_ITEM:
            return
        # A session for a new file is refused as if its folder were missing; nothing else acts on a name that is free.
        item = target.item or (target.deepest if request.operation == "create_session" else None)
        if item is not None and self.quirks.take_first("missing_writes", f"{item.id} {request.operation}"):
            raise missing_item()

    def _check_missing_read(self, request: Request, item: Item) -> None:
        if request.method not in _READS or not item.is_folder or request.operation not in {"get", "children"}:
            return
        if item.parent is None:
            is_missing = self.quirks.take_every("missing_root_every", item.id)
        else:
            name = "missing_folders" if request.operation == "get" else "missing_listings"
            is_missing = self.quirks.take_first(name, item.id)
        if is_missing:
            raise missing_item()

    def _check_hold(self, request: Request, item: Item) -> None:
        # Seen so: files and empty folders can be deleted.
        if self.quirks.folders_on_hold and request.operation in _DELETIONS and item.children:
            raise deletion_on_hold()

    def _check_lock(self, request: Request, item: Item) -> None:
        if request.operation not in _WRITES or item.is_folder:
            return
        if self.quirks.take_first("locked_writes", item.id):
            error = graph_error(_LOCKED, request.operation)
            raise Problem(_LOCKED, error.code, error.message, inner=error.inner)
