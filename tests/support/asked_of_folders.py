"""Operations on what lies in a folder: lists, mirrors, patterns, manifests and watches. See ``asked.py``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asked import Asked, Refusals, Scope, is_above, numbered, refusals_above
from true_state import DISK, Node, State, joined, key

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.flows import delta
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, LocationError
from airflow_provider_onedrive.graph.protocol.options import TransferOptions
from airflow_provider_onedrive.graph.tracking.manifests import open_manifest
from airflow_provider_onedrive.graph.tracking.sync import drive_root
from airflow_provider_onedrive.graph.tracking.tree import Changes
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, Watch

UP, DOWN = "up", "down"
"""The folders of the disk that are sent, and fetched to."""


def refusals_of_folder(state: State, store: str, path: str) -> Refusals:
    if not path:
        return set()
    folder = state.at(store, path)
    if folder is None:
        return {ItemNotFound} | refusals_above(state, store, path, creates=False)
    return {LocationError} if folder.is_file else set()


def check_complete(ids: Iterable[str], expected: Iterable[Node], warnings: list[str]) -> None:
    """See that a listing has each item once; it may lack one only if a warning said so."""
    counts, wanted = Counter(ids), {node.id: node for node in expected}
    assert set(counts.values()) <= {1}, "an item came twice"
    assert counts.keys() <= wanted.keys(), "an item came that is not there"
    missing = [wanted[each].path for each in wanted.keys() - counts.keys()]
    assert not missing or warnings, f"{missing} did not come"


@dataclass(frozen=True)
class Listing(Asked):
    """:param method: of the client: ``children``, ``walk`` or ``find``."""

    method: str
    store: str
    path: str

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        location = scope.location(self.store, self.path)
        if self.method == "find":
            return list(client.find(location, Filters(), kind="any", recursive=True))
        return list(getattr(client, self.method)(location))

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        below = after.below(self.store, self.path)
        depth = len(self.path.split("/")) if self.path else 0
        direct = [node for node in below if node.path.count("/") == depth]
        check_complete([item.id for item in result], direct if self.method == "children" else below, warnings)

    def refusals(self, state: State) -> Refusals:
        return refusals_of_folder(state, self.store, self.path)


@dataclass(frozen=True)
class DeletePattern(Asked):
    """Delete the files that a pattern chooses, as the operator does."""

    store: str
    path: str
    pattern: str

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        location = scope.location(self.store, self.path)
        items = list(client.find(location, Filters(file_pattern=self.pattern), recursive=True))
        return items, client.delete_all(items)

    def _is_meant(self, node: Node) -> bool:
        return node.is_file and re.fullmatch(self.pattern.replace("*", ".*"), node.name, re.IGNORECASE) is not None

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        return self._is_meant(node) and node in before.below(self.store, self.path)

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        items, failed = result
        check_complete(
            [item.id for item in items], filter(self._is_meant, before.below(self.store, self.path)), warnings
        )
        kept = {item.id for item, _ in failed}
        there = [item.path for item in items if item.id not in kept and after.get(self.store, item.id)]
        assert not there, f"{there} were not deleted"

    def check_truthful(self, result: Any, begin: State) -> None:
        assert not result[1], result[1]

    def refusals(self, state: State) -> Refusals:
        return refusals_of_folder(state, self.store, self.path)


@dataclass(frozen=True)
class UploadFolder(Asked):
    store: str
    path: str
    if_exists: str = "fail"
    option: str = ""

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        return client.upload_folder(
            scope.location(self.store, self.path),
            local_path=scope.disk / UP,
            recursive=True,
            if_exists=self.if_exists,  # type: ignore[arg-type]
            create_folders=True,
            options=_options(self.option),
            attempt=attempt,
        )

    def _target(self, name: str) -> str:
        return joined(self.path, name)

    def _is_target(self, path: str, name: str) -> bool:
        is_numbered = self.if_exists == "rename" and numbered(path, self._target(name))
        return key(path) == key(self._target(name)) or is_numbered

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        sources = before.disk(UP)
        if self.option == "move" and node in sources.values():
            copies = [each for each in after.below(self.store, self.path) if each.content == node.content]
            return any(self._is_target(each.path, node.below(UP)) for each in copies)
        is_extra = node.is_file and key(node.path) not in {key(self._target(name)) for name in sources}
        return self.option == "delete_extra" and is_extra and node in before.below(self.store, self.path)

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        is_same_name = (node.parent_id, node.name) == (now.parent_id, now.name)
        is_replaced = self.if_exists in ("replace", "skip_if_same") and node.store == self.store and node.is_file
        return is_replaced and is_same_name and self._comes_from(now, before)

    def may_appear(self, node: Node, before: State) -> bool:
        if node.store != self.store:
            return False
        if node.is_file:
            return self._comes_from(node, before)
        is_between = any(is_above(node, self._target(name)) for name in before.disk(UP))
        return is_between or node.key == key(self.path) or is_above(node, f"{self.path}/")

    def _comes_from(self, node: Node, before: State) -> bool:
        return any(
            node.content == source.content and self._is_target(node.path, name)
            for name, source in before.disk(UP).items()
        )

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        failed = {path for path, _, _ in result.failed}
        for name, source in before.disk(UP).items():
            if name not in failed:
                self._check_sent(name, source, after)
        for item in result.done:
            assert after.get(self.store, item.id) is not None, f"{item.path} is not there"
        for path in result.deleted:
            node = after.at(self.store, self._target(path))
            assert node is None or before.get(self.store, node.id) is None, f"{path} was not deleted"
        if self.option == "delete_extra" and not failed and self.if_exists != "rename" and not warnings:
            wanted = {key(name) for name in before.disk(UP)}
            extra = [name for name in after.files(self.store, self.path) if key(name) not in wanted]
            assert not extra, f"{extra} are left"
        if self.option == "move":
            kept = {path for path, _ in result.kept} | failed
            left = [name for name in after.disk(UP) if key(name) not in set(map(key, kept))]
            assert not left, f"{left} were not deleted"

    def _check_sent(self, name: str, source: Node, after: State) -> None:
        copies = [each for each in after.below(self.store, self.path) if self._is_target(each.path, name)]
        assert copies, f"{name} is not there"
        assert self.if_exists == "skip" or source.content in {each.content for each in copies}, f"{name} is another"

    def check_truthful(self, result: Any, begin: State) -> None:
        names = list(begin.disk(UP))
        for name, error, _ in result.failed:
            there = begin.at(self.store, self._target(name))
            clashes = sum(key(other) == key(name) for other in names) > 1 or any(
                key(other).startswith(f"{key(name)}/") or key(name).startswith(f"{key(other)}/") for other in names
            )
            above = refusals_above(begin, self.store, self._target(name), creates=True)
            is_taken = there is not None and (not there.is_file or self.if_exists == "fail")
            assert clashes or above or is_taken, f"{name}: {error}"

    def refusals(self, state: State) -> Refusals:
        above = refusals_above(state, self.store, joined(self.path, "x"), creates=True)
        folder = state.at(self.store, self.path) if self.path else None
        return above | ({LocationError} if folder is not None and folder.is_file else set())


@dataclass(frozen=True)
class DownloadFolder(Asked):
    store: str
    path: str
    if_exists: str = "replace"
    option: str = ""

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        return client.download_folder(
            scope.location(self.store, self.path),
            scope.disk / DOWN,
            recursive=True,
            if_exists=self.if_exists,  # type: ignore[arg-type]
            options=_options(self.option),
            attempt=attempt,
        )

    def _is_target(self, path: str, name: str) -> bool:
        target = f"{DOWN}/{name}"
        return path == target or (self.if_exists == "rename" and numbered(path, target))

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        sources = before.files(self.store, self.path)
        if self.option == "move" and node in sources.values():
            copies = [each for each in after.below(DISK, DOWN) if each.content == node.content]
            return any(self._is_target(each.path, node.below(self.path)) for each in copies)
        is_fetched_to = node.is_file and node.path.startswith(f"{DOWN}/") and node.store == DISK
        return self.option == "delete_extra" and is_fetched_to and _is_extra(node.below(DOWN), sources, after)

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        is_replaced = node.store == DISK and node.is_file and self.if_exists in ("replace", "skip_if_same")
        return is_replaced and self._comes_from(now, before)

    def may_appear(self, node: Node, before: State) -> bool:
        if node.store != DISK:
            return False
        if node.is_file:
            return self._comes_from(node, before)
        names = [f"{DOWN}/{name}" for name in before.files(self.store, self.path)]
        return node.path == DOWN or any(name.startswith(f"{node.path}/") for name in names)

    def _comes_from(self, node: Node, before: State) -> bool:
        return any(
            node.content == source.content and self._is_target(node.path, name)
            for name, source in before.files(self.store, self.path).items()
        )

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        failed = {path for path, _, _ in result.failed}
        sources = before.files(self.store, self.path)
        for name, source in sources.items():
            if name not in failed:
                self._check_fetched(name, source, after, warnings)
        for path in result.deleted:
            assert after.get(DISK, f"{DOWN}/{path}") is None, f"{path} was not deleted"
        if self.option == "delete_extra" and not failed and self.if_exists != "rename" and not warnings:
            extra = [name for name in after.disk(DOWN) if _is_extra(name, sources, after)]
            assert not extra, f"{extra} are left"
        if self.option == "move" and not warnings:
            kept = {path for path, _ in result.kept} | failed
            left = [name for name in after.files(self.store, self.path) if name not in kept]
            assert not left, f"{left} were not deleted"

    def _check_fetched(self, name: str, source: Node, after: State, warnings: list[str]) -> None:
        copies = [each for each in after.below(DISK, DOWN) if self._is_target(each.path, name) and each.is_file]
        if not copies:
            assert warnings, f"{name} did not come"
        elif self.if_exists != "skip" and not warnings:
            assert source.content in {each.content for each in copies}, f"{name} is another"

    def check_truthful(self, result: Any, begin: State) -> None:
        for name, error, _ in result.failed:
            names = name.split("/")
            paths = [f"{DOWN}/{'/'.join(names[:end])}" for end in range(1, len(names) + 1)]
            there = [begin.get(DISK, path) for path in paths]
            is_other_kind = any(node is not None and node.is_file for node in there[:-1]) or (
                there[-1] is not None and not there[-1].is_file
            )
            assert is_other_kind or (there[-1] is not None and self.if_exists == "fail"), f"{name}: {error}"

    def refusals(self, state: State) -> Refusals:
        return refusals_of_folder(state, self.store, self.path)


def _is_extra(name: str, sources: Iterable[str], after: State) -> bool:
    """Return whether a file of the disk is none of the source's; the disk has one for each case and normal form."""
    alike = [source for source in sources if key(source) == key(name)]
    return name not in alike and (not alike or any(after.get(DISK, f"{DOWN}/{source}") for source in alike))


def _options(option: str) -> TransferOptions:
    """Return the options of a transfer, one file after the other: the same seed lies to the same requests."""
    chosen: dict[str, Any] = {option: True} if option else {}
    return TransferOptions(if_none="skip", allow_empty_source=True, **chosen)


def check_changes(changes: Changes, store: str, folder: str, after: State) -> None:
    """See that what was reported as deleted has gone, and all else is there."""
    there = {node.id: node.path for node in after.below(store, folder)}
    for kind, item in changes.items():
        if kind == "deleted":
            assert item.id not in there, f"{item.path} is there and was reported as deleted"
        else:
            assert item.id in there, f"{item.path} was reported as {kind} and is not there"


def check_same(paths: dict[str, str], nodes: list[Node]) -> None:
    """Compare what is remembered of a folder with what is there, by id."""
    there = {node.id: node.path for node in nodes}
    assert paths == there, (
        f"only remembered {paths.items() - there.items()}, only there {there.items() - paths.items()}"
    )


@dataclass(frozen=True)
class Sync(Asked):
    """Bring the manifest of a folder up to date. The manifest lies outside of what is called the disk here."""

    store: str
    path: str
    is_honest: bool = False

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        manifest = scope.disk.parent / f"{self.store}.jsonl"
        synced = client.sync_folder(scope.location(self.store, self.path), manifest)
        with open_manifest(manifest) as opened:
            assert opened is not None
            return synced, {item.id: item.path for item in opened[1]}

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        synced, rows = result
        check_changes(synced.changes, self.store, self.path, after)
        if self.is_honest:
            check_same(rows, after.below(self.store, self.path))

    def refusals(self, state: State) -> Refusals:
        return refusals_of_folder(state, self.store, self.path)


@dataclass(frozen=True)
class Poll(Asked):
    """Poll a watched folder, as the trigger does.

    :param memory: the last snapshot, by the watch. A poll that fails leaves it as it was.
    """

    store: str
    path: str
    memory: dict[str, FolderSnapshot] = field(default_factory=dict, repr=False)
    is_honest: bool = False

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        watch, now = Watch(scope.location(self.store, self.path)), datetime.now(UTC)
        old, events = self.memory.get(self.store), None
        if (cursor := watch.cursor(old, now)) is not None and old is not None and old.folder is not None:
            try:
                events = client.run(delta.since(drive_root(old.folder), cursor))
            except delta.CURSOR_LOST:
                events = None  # all is listed
        new, changes = client.run(watch.poll(client, old, events, now))
        self.memory[self.store] = new
        return new, changes

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        snapshot, changes = result
        check_changes(changes, self.store, self.path, after)
        if self.is_honest:
            check_same({item.id: item.path for item in snapshot.items.values()}, after.below(self.store, self.path))
