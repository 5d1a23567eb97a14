"""What a client was asked to do: what may change by it, and what has to be true when it is said to be done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from true_state import DISK, Node, State, joined, key

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
)
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions, UploadOptions

BY_SESSION = UploadOptions(single_put_bytes=0)
Refusals = set[type[OneDriveError]]


@dataclass(frozen=True)
class Scope:
    """Where operations run.

    :param roots: the location of each drive.
    :param disk: the folder that stands for the local disk.
    """

    roots: Mapping[str, str]
    disk: Path

    def location(self, store: str, path: str) -> str:
        return f"{self.roots[store]}/{path}"


class Asked:
    """One operation; nothing may change by it, unless a class below allows it."""

    keeps_in_bin = True
    """Whether what vanishes from a drive is in its recycle bin then."""

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        raise NotImplementedError

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        return False

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        return False

    def may_appear(self, node: Node, before: State) -> bool:
        return False

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        """Compare what was returned with the truth."""

    def check_truthful(self, result: Any, begin: State) -> None:
        """See that what is reported as failed could not be done; the service was honest."""

    def refusals(self, state: State) -> Refusals:
        """Return the errors that are true of a state."""
        return set()

    def check_nothing_else(self, before: State, after: State) -> None:
        """See that nothing has gone, changed or come that was not asked for."""
        for each, node in before.nodes.items():
            now = after.nodes.get(each)
            if now is None:
                assert self.may_vanish(node, before, after), f"{node} has gone"
                assert self._is_in_bin(node, after), f"{node} is not in the recycle bin"
            elif now.state != node.state:
                assert self.may_become(node, now, before), f"{node} became {now}: {_short(node)} -> {_short(now)}"
        for each in after.nodes.keys() - before.nodes.keys():
            assert self.may_appear(after.nodes[each], before), f"{after.nodes[each]} came: {_short(after.nodes[each])}"

    def _is_in_bin(self, node: Node, after: State) -> bool:
        if node.store == DISK or not self.keeps_in_bin:
            return True
        return any(node.path == path or node.path.startswith(f"{path}/") for path in after.bins[node.store])


def _short(node: Node) -> str:
    return "a folder" if node.content is None else f"{len(node.content)} bytes {node.content[:20]!r}"


def numbered(path: str, wanted: str) -> bool:
    """Return whether a path is the wanted one with a number: "a 1.csv", "folder 1"."""
    folder, _, name = key(wanted).rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    pattern = f"{re.escape(stem)} \\d+\\.{re.escape(suffix)}" if stem and dot else f"{re.escape(name)} \\d+"
    above, _, last = key(path).rpartition("/")
    return (
        above == folder and (re.fullmatch(pattern, last) or re.fullmatch(f"{re.escape(name)} \\d+", last)) is not None
    )


def is_above(folder: Node, path: str) -> bool:
    """Return whether a folder is one of those that a path leads through, which may be created."""
    return not folder.is_file and key(path).startswith(f"{folder.key}/")


def refusals_above(state: State, store: str, path: str, *, creates: bool) -> Refusals:
    """Return the errors that are true of the folders that a path leads through."""
    names = path.split("/")[:-1]
    for end in range(1, len(names) + 1):
        folder = state.at(store, "/".join(names[:end]))
        if folder is None:
            return set() if creates else {ItemNotFound}
        if folder.is_file:
            return {LocationError, NameAlreadyExists, ItemNotFound, BadRequest}
    return set()


@dataclass(frozen=True)
class Upload(Asked):
    """:param method: of the client: ``upload``, ``save`` or ``update``."""

    store: str
    path: str
    content: bytes = field(repr=False)
    method: str = "upload"
    if_exists: str = "fail"
    by_session: bool = False
    create_folders: bool = False

    @property
    def replaces(self) -> bool:
        return self.method == "update" or self.if_exists in ("replace", "skip_if_same")

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        how: dict[str, Any] = {} if self.method == "update" else {"if_exists": self.if_exists}
        if self.method != "update":
            how["create_folders"] = self.create_folders
        options = BY_SESSION if self.by_session else UploadOptions()
        put = getattr(client, self.method)
        location = scope.location(self.store, self.path)
        return put(location, content=self.content, options=options, attempt=attempt, **how)

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        is_same_name = (node.parent_id, node.name) == (now.parent_id, now.name)
        is_target = node == before.at(self.store, self.path) and node.is_file
        return self.replaces and is_target and is_same_name and now.content == self.content

    def may_appear(self, node: Node, before: State) -> bool:
        if node.store != self.store or self.method == "update":
            return False
        if not node.is_file:
            return self.create_folders and is_above(node, self.path)
        is_named = node.key == key(self.path) or (self.if_exists == "rename" and numbered(node.path, self.path))
        return is_named and node.content == self.content

    def check_nothing_else(self, before: State, after: State) -> None:
        super().check_nothing_else(before, after)
        new = [node for each, node in after.nodes.items() if each not in before.nodes and node.is_file]
        assert len(new) <= 1, f"it is there more than once: {new}"

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        node = after.get(self.store, result.id)
        assert node is not None, f"{result.id} is not there"
        is_numbered = result.outcome in ("renamed", "already_there") and self.if_exists == "rename"
        assert node.key == key(self.path) or (is_numbered and numbered(node.path, self.path))
        if result.outcome == "skipped" and self.if_exists == "skip":
            return
        assert node.content == self.content
        if self.method == "update":
            assert before.get(self.store, result.id) is not None

    def refusals(self, state: State) -> Refusals:
        node = state.at(self.store, self.path)
        if node is None:
            if self.method == "update":
                return {ItemNotFound} | refusals_above(state, self.store, self.path, creates=False)
            return refusals_above(state, self.store, self.path, creates=self.create_folders)
        if not node.is_file:
            return {LocationError}
        return {NameAlreadyExists} if self.method != "update" and self.if_exists == "fail" else set()


@dataclass(frozen=True)
class CreateFolder(Asked):
    store: str
    path: str
    exist_ok: bool = False
    create_folders: bool = False

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        location = scope.location(self.store, self.path)
        return client.create_folder(
            location, exist_ok=self.exist_ok, create_folders=self.create_folders, attempt=attempt
        )

    def may_appear(self, node: Node, before: State) -> bool:
        is_between = self.create_folders and is_above(node, self.path)
        return node.store == self.store and not node.is_file and (node.key == key(self.path) or is_between)

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        node = after.get(self.store, result.id)
        assert node is not None
        assert not node.is_file
        assert node.key == key(self.path)

    def refusals(self, state: State) -> Refusals:
        node = state.at(self.store, self.path)
        if node is None:
            return refusals_above(state, self.store, self.path, creates=self.create_folders)
        return {NameAlreadyExists} if node.is_file or not self.exist_ok else set()


@dataclass(frozen=True)
class Delete(Asked):
    store: str
    path: str
    recursive: bool = False
    ignore_if_missing: bool = False
    permanent: bool = False
    dry_run: bool = False

    @property
    def keeps_in_bin(self) -> bool:  # type: ignore[override]
        return not self.permanent

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        return client.delete(
            scope.location(self.store, self.path),
            recursive=self.recursive,
            ignore_if_missing=self.ignore_if_missing,
            permanent=self.permanent,
            options=DeleteOptions(dry_run=self.dry_run),
            attempt=attempt,
        )

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        target = before.at(self.store, self.path)
        if target is None or self.dry_run:
            return False
        inside = [target, *before.below(self.store, target.path)]
        return node in inside and (self.recursive or len(inside) == 1)

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        if not result:
            assert after.at(self.store, self.path) is None, f"{self.path} is still there"
        for item in [] if self.dry_run else result:
            assert after.get(self.store, item.id) is None, f"{item.path} is still there"

    def refusals(self, state: State) -> Refusals:
        node = state.at(self.store, self.path)
        if node is None:
            return set() if self.ignore_if_missing else {ItemNotFound}
        if not self.recursive and state.below(self.store, node.path):
            return {LocationError}
        # A drive of a consumer has no such operation.
        return {BadRequest} if self.permanent and self.store == "personal" else set()


@dataclass(frozen=True)
class Download(Asked):
    store: str
    path: str
    target: str
    if_exists: str = "replace"

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        location, target = scope.location(self.store, self.path), scope.disk / self.target
        return client.download(location, target, if_exists=self.if_exists, attempt=attempt)  # type: ignore[arg-type]

    def _source(self, state: State) -> Node | None:
        return state.at(self.store, self.path)

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        source = self._source(before)
        is_target = (node.store, node.path) == (DISK, self.target) and self.if_exists in ("replace", "skip_if_same")
        return is_target and source is not None and source.is_file and now.content == source.content

    def may_appear(self, node: Node, before: State) -> bool:
        source = self._source(before)
        is_named = node.path == self.target or (self.if_exists == "rename" and numbered(node.path, self.target))
        return node.store == DISK and is_named and source is not None and node.content == source.content

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        source = self._source(before)
        assert source is not None
        assert result.id == source.id
        node = next(each for each in after.below(DISK, "") if result.local_path.endswith(f"/{each.path}"))
        if not (result.outcome == "skipped" and self.if_exists == "skip"):
            assert node.content == source.content

    def refusals(self, state: State) -> Refusals:
        source = self._source(state)
        if source is None:
            return {ItemNotFound} | refusals_above(state, self.store, self.path, creates=False)
        if not source.is_file:
            return {LocationError}
        return {LocalFileError} if state.get(DISK, self.target) and self.if_exists == "fail" else set()


@dataclass(frozen=True)
class Relocate(Asked):
    """A move or a copy.

    :param method: of the client: ``move`` or ``copy``.
    :param folder: where it goes.
    :param name: what it is called there; None keeps its name.
    """

    method: str
    store: str
    path: str
    to_store: str
    folder: str
    name: str | None
    if_exists: str = "fail"
    create_folders: bool = False

    @property
    def is_within(self) -> bool:
        return self.method == "move" and self.store == self.to_store

    def run(self, client: Client, scope: Scope, attempt: TaskAttempt) -> Any:
        folder = scope.location(self.to_store, f"{self.folder}/" if self.folder else "")
        return getattr(client, self.method)(
            scope.location(self.store, self.path),
            folder,
            file_name=self.name,
            if_exists=self.if_exists,
            create_folders=self.create_folders,
            attempt=attempt,
        )

    def _target(self, before: State) -> str:
        source = before.at(self.store, self.path)
        # What keeps its name keeps it as the drive has it, not as the location says it.
        return joined(self.folder, self.name or (source.name if source else self.path.rpartition("/")[2]))

    def _is_target(self, path: str, before: State) -> bool:
        target = self._target(before)
        return key(path) == key(target) or (self.if_exists == "rename" and numbered(path, target))

    def may_vanish(self, node: Node, before: State, after: State) -> bool:
        source, there = before.at(self.store, self.path), before.at(self.to_store, self._target(before))
        if source is None or not source.is_file or not node.is_file:
            return False
        if node == source:
            is_there = any(
                each.content == node.content and self._is_target(each.path, before)
                for each in after.below(self.to_store, "")
            )
            return self.method == "move" and not self.is_within and is_there
        return node == there and self.if_exists == "replace"

    def may_become(self, node: Node, now: Node, before: State) -> bool:
        if not self.is_within or node != before.at(self.store, self.path) or now.content != node.content:
            return False
        return self._is_target(now.path, before) or self._is_halfway(now.path, before)

    def _is_halfway(self, path: str, before: State) -> bool:
        """Return whether it has the name that it has between two names of which only the case differs."""
        folder, _, name = path.rpartition("/")
        return key(joined(folder, name.replace(" (renaming)", ""))) == key(self._target(before))

    def may_appear(self, node: Node, before: State) -> bool:
        source = before.at(self.store, self.path)
        if node.store != self.to_store or source is None:
            return False
        if self.create_folders and is_above(node, self._target(before)):
            return True
        if self.is_within or (self.method == "move" and not source.is_file):
            return False
        depth = len(self._target(before).split("/"))
        names = node.path.split("/")
        below = "/".join(names[depth:])
        original = source if not below else before.at(self.store, f"{source.path}/{below}")
        is_alike = original is not None and original.content == node.content
        return is_alike and self._is_target("/".join(names[:depth]), before)

    def check(self, result: Any, before: State, after: State, warnings: list[str]) -> None:
        node, source = after.get(self.to_store, result.id), before.at(self.store, self.path)
        assert node is not None, f"{result.id} is not there"
        assert key(node.path) == key(self._target(before)) or self.if_exists == "rename"
        assert self._is_target(node.path, before)
        if result.outcome == "skipped":
            assert self.if_exists == "skip"
        elif source is not None:  # else a later attempt has taken what is there for its own work
            self._check_relocated(source, node, before, after)

    def _check_relocated(self, source: Node, node: Node, before: State, after: State) -> None:
        if self.is_within:
            assert node.id == source.id
            if node.key == key(self._target(before)):
                assert node.path.rpartition("/")[2] == self._target(before).rpartition("/")[2], node.path
            return
        assert (after.get(self.store, source.id) is None) == (self.method == "move")
        assert _tree(after, node) == _tree(before, source)

    def refusals(self, state: State) -> Refusals:
        source = state.at(self.store, self.path)
        if source is None:
            return {ItemNotFound}
        if not source.is_file and (self._goes_into(source) or (self.method == "move" and not self.is_within)):
            return {LocationError, ItemNotFound} if self.folder else {LocationError}
        if above := refusals_above(state, self.to_store, joined(self.folder, "x"), creates=self.create_folders):
            return above
        return self._refusals_by_target(source, state.at(self.to_store, self._target(state)))

    def _goes_into(self, source: Node) -> bool:
        return self.store == self.to_store and f"{key(self.folder)}/".startswith(f"{source.key}/")

    def _refusals_by_target(self, source: Node, there: Node | None) -> Refusals:
        if there is None or self.if_exists == "rename":
            return {LocationError} if there is not None and not there.is_file and source.is_file else set()
        if there == source:
            return set() if self.is_within else {LocationError}
        if source.is_file and not there.is_file:
            return {LocationError}
        is_alike = source.is_file == there.is_file
        is_refused = self.if_exists == "fail" or not is_alike or (self.if_exists == "replace" and not there.is_file)
        return {NameAlreadyExists} if is_refused else set()


def _tree(state: State, node: Node) -> dict[str, bytes | None]:
    below = state.below(node.store, node.path) if not node.is_file else []
    return {"": node.content} | {each.below(node.path): each.content for each in below}
