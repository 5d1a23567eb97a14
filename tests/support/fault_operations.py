"""Every operation of a client, as the fault tests run it: what is there before, what it asks, what is there after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import cut_request, cut_response, status
from airflow_provider_onedrive.graph.auth import token_cache as cached_tokens
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows import downloads
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    PreconditionFailed,
    QuotaExceeded,
)
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download, LocalTarget

NEW = {
    "small": b"id;total\n" + b"1;23\n" * 30,
    "large": hashlib.shake_128(b"large").digest(2 * UNIT_BYTES + 1000),
    "empty": b"",
    "page": b"<html>" + b"hello " * 20 + b"</html>",
    "large_page": b"<html>" + hashlib.shake_128(b"page").hexdigest(UNIT_BYTES).encode() + b"</html>",
}
"""What is uploaded, each from a file of that name; the large ones are three fragments."""
SMALL, LARGE = NEW["small"], NEW["large"]
OLD = b"id;total\n0;0\n"
BESIDE = b"nobody touches this"
BYSTANDERS = {"in/a.csv.bak": BESIDE, "in/b.csv": BESIDE, "other/a.csv": BESIDE}
CHUNK_BYTES = 100_000
OPTIONS = UploadOptions(single_put_bytes=64 * 1024, fragment_bytes=UNIT_BYTES)
WITH_TIME = UploadOptions(preserve_mtime=True)
FILE = "myfiles/in/a.csv"
BUSY = status(503, retry_after=400)
"""Longer than anybody waits: a try ends at once."""

Contents = Mapping[str, bytes | None]
"""Files by their paths; a path that ends in ``/`` is a folder, and has None."""
Act = Callable[["Scene", Client, bool], Any]
"""Does it; the flag says whether an earlier try may have done it."""


class MemoryKeeper:
    """Keeps an upload session for the next try, as Airflow's task state store does."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        return self.state

    def save(self, state: Mapping[str, Any]) -> bool:
        self.state = state
        return True

    def forget(self) -> None:
        self.state = None


@dataclass
class Scene:
    """Where an operation runs: a drive and a local folder, both with bystanders in them."""

    emulator: Emulator
    folder: Path
    connect: Callable[..., Client]
    etag: str = ""
    keeper: MemoryKeeper = field(default_factory=MemoryKeeper)

    @property
    def drive(self) -> EmulatedDrive:
        return self.emulator.drive()

    @property
    def target(self) -> Path:
        """Where a download goes; nothing else is in this folder but a bystander."""
        return self.folder / "here" / "a.csv"

    def source(self, name: str) -> Path:
        return self.folder / name

    def break_off(self, act: Callable[[Client], Any], *rules: Mapping[str, Any]) -> None:
        """Let an earlier try end in the middle, and forget what it asked."""
        for rule in rules:
            self.emulator.faults.add(**rule)
        with pytest.raises(OneDriveError):
            act(self.connect())
        self.emulator.faults.clear()
        cooldown.forget_all()  # it is later
        cached_tokens.forget_all()  # and another process
        self.emulator.requests.clear()


@dataclass(frozen=True)
class Operation:
    """What a client can be asked for.

    :param steps: what it asks of the emulator when nothing goes wrong, besides signing in.
    :param before: what is in the drive, besides the bystanders; ``after`` what is there once it has succeeded.
    :param local: what is at the target of a download; ``local_after`` then, by name.
    :param raises: how it ends when nothing goes wrong; None is success.
    :param versions: how many versions there are then of a file; one where it is not said.
    :param result: what it returns then; None where that is an item, or says nothing.
    :param earlier: what an earlier try did.
    :param rules: what goes wrong in any case, so that there are steps that mend it; ``quirks`` likewise.
    :param may_be_ours: where an answer was lost, what is in the way is taken for what was made: it is alike.
    """

    name: str
    act: Act
    steps: str
    before: Contents = field(default_factory=dict)
    after: Contents | None = None
    local: Contents = field(default_factory=dict)
    local_after: Contents | None = None
    raises: type[OneDriveError] | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    result: Any = None
    earlier: Callable[[Scene], None] | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    quirks: Mapping[str, Any] = field(default_factory=dict)
    may_be_ours: bool = False

    @property
    def all_steps(self) -> list[str]:
        return ["discovery", "token", *self.steps.split()]

    @property
    def drive_before(self) -> Contents:
        return BYSTANDERS | dict(self.before)

    @property
    def drive_after(self) -> Contents:
        return self.drive_before if self.after is None else BYSTANDERS | dict(self.after)

    @property
    def folder_before(self) -> Contents:
        return {"beside.csv": BESIDE, **self.local}

    @property
    def folder_after(self) -> Contents:
        return self.folder_before if self.local_after is None else {"beside.csv": BESIDE, **self.local_after}

    def prepare(self, scene: Scene) -> None:
        """Put everything in its place."""
        scene.drive.put_all(self.drive_before)
        scene.target.parent.mkdir()
        for name, content in self.folder_before.items():
            (scene.target.parent / name).write_bytes(content or b"")
        for name, content in NEW.items():
            scene.source(name).write_bytes(content)
        if "in/a.csv" in self.before:
            scene.etag = scene.drive.item("in/a.csv")["eTag"]
        if self.earlier:
            self.earlier(scene)

    def let_it_happen(self, scene: Scene) -> None:
        """Set up what goes wrong in any case."""
        for name, value in self.quirks.items():
            setattr(scene.emulator.quirks, name, value)
        for rule in self.rules:
            scene.emulator.faults.add(**rule)


def upload(
    size: str, if_exists: str = "fail", *, location: str = FILE, options: UploadOptions = OPTIONS, **more: Any
) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        how = {"if_exists": if_exists, "attempt": TaskAttempt(retrying=retrying), "options": options, **more}
        return client.upload(location, local_path=scene.source(size), **how)

    return act


def update(size: str, *, etag: str | None = None) -> Act:
    """:param etag: ``now`` is that of the file as it is, None is none."""

    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        expected = scene.etag if etag == "now" else etag
        return client.update(
            FILE,
            local_path=scene.source(size),
            expected_etag=expected,
            attempt=TaskAttempt(retrying=retrying),
            options=OPTIONS,
        )

    return act


def save(size: str) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        return client.save(FILE, content=NEW[size], attempt=TaskAttempt(retrying=retrying), options=OPTIONS)

    return act


def upload_resumed(scene: Scene, client: Client, retrying: bool) -> Any:
    del retrying
    attempt = TaskAttempt(retrying=True, keeper_of=lambda _: scene.keeper)
    return client.upload(FILE, local_path=scene.source("large"), options=OPTIONS, attempt=attempt)


def half_an_upload(scene: Scene) -> None:
    """An earlier try ended behind its first fragment, and its session was kept."""
    attempt = TaskAttempt(has_another=True, keeper_of=lambda _: scene.keeper)
    scene.break_off(
        lambda client: client.upload(FILE, local_path=scene.source("large"), options=OPTIONS, attempt=attempt),
        {"operation": "fragment", "after": 1, "times": None, "do": BUSY},
    )


def download(if_exists: str = "replace", *, etag: str | None = None) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        expected, attempt = scene.etag if etag == "now" else etag, TaskAttempt(retrying=retrying)
        return client.download(FILE, scene.target, if_exists=if_exists, expected_etag=expected, attempt=attempt)

    return act


def fetch(*, at_once: bool) -> Act:
    """Fetch in chunks, as a file is that is larger than a test's; ``at_once`` several at the same time."""

    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        target = LocalTarget(scene.target, CHUNK_BYTES, CHUNK_BYTES if at_once else 10 * len(LARGE))
        address, plan = client.address(FILE), Download(attempt=TaskAttempt(retrying=retrying))
        with client._explaining("download", address):
            link = client.run(downloads.resolve(address))
            return localcopy.download(client, address, target, link, plan)

    return act


def half_a_download(scene: Scene) -> None:
    """An earlier try ended in the middle, and left a part file."""
    scene.break_off(
        lambda client: fetch(at_once=False)(scene, client, False),
        {"operation": "download", "do": cut_response(CHUNK_BYTES + 5)},
        {"operation": "download", "times": None, "do": BUSY},
    )


def read(scene: Scene, client: Client, retrying: bool) -> Any:
    del scene, retrying
    with client.open(FILE) as file:
        return file.read()


def create_folder(location: str, *, exist_ok: bool = False) -> Act:
    """Make a folder; there is no telling a new one that an earlier try made from one that was there."""

    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        attempt = TaskAttempt(retrying=retrying and location.endswith("new"))
        return client.create_folder(location, exist_ok=exist_ok, attempt=attempt)

    return act


def delete(location: str = FILE, **how: Any) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        client.delete(location, **{"attempt": TaskAttempt(retrying=retrying), **how})

    return act


def listed(method: str, location: str) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        return sorted(item.path for item in getattr(client, method)(location))

    return act


def stat(scene: Scene, client: Client, retrying: bool) -> Any:
    item = client.stat(FILE)
    return item.path, item.size


def exists(location: str) -> Act:
    return lambda _scene, client, _retrying: client.exists(location)


TAKEN = {"in/a.csv": OLD}
SENT = {"small": "upload", "large": "create_session fragment fragment fragment"}
_TREE = {"tree/deep/er/c.csv": OLD, "tree/deep/b.csv": OLD, "tree/a.csv": OLD, "tree/empty/": None}
_MANY = {f"many/{number:04}.csv": b"" for number in range(1001)}


def _uploads(size: str) -> list[Operation]:
    """Each way to treat a name, where it is free and where it is taken."""
    content, sent = NEW[size], SENT[size]
    after, twice = {"in/a.csv": content}, {"in/a.csv": 2}
    refused = "upload" if size == "small" else "create_session"
    looked = f"get get get {sent}"
    nested = {"location": "myfiles/new/er/a.csv", "create_folders": True}

    def make(name: str, act: Act, steps: str, **more: Any) -> Operation:
        return Operation(f"{name.replace('upload', f'upload_{size}')}", act, steps, **more)

    return [
        make("upload_fail_free", upload(size, "fail"), f"get {sent}", after=after),
        make("upload_replace_free", upload(size, "replace"), f"get {sent}", after=after),
        make("upload_rename_free", upload(size, "rename"), f"get {sent}", after=after),
        make("upload_skip_free", upload(size, "skip"), looked, after=after),
        make("upload_skip_if_same_free", upload(size, "skip_if_same"), looked, after=after),
        make("upload_fail_taken", upload(size), f"get {refused} get", before=TAKEN, raises=NameAlreadyExists),
        make("upload_replace_taken", upload(size, "replace"), f"get {sent}", before=TAKEN, after=after, versions=twice),
        make(
            "upload_rename_taken",
            upload(size, "rename"),
            f"get {sent}",
            before=TAKEN,
            after=TAKEN | {"in/a 1.csv": content},
        ),
        make("upload_skip_taken", upload(size, "skip"), "get get", before=TAKEN),
        make(
            "upload_skip_if_same_taken",
            upload(size, "skip_if_same"),
            f"get get {sent}",
            before=TAKEN,
            after=after,
            versions=twice,
        ),
        make("upload_skip_if_same_same", upload(size, "skip_if_same"), "get get", before=after),
        make(
            "upload_nested",
            upload(size, **nested),
            f"get get get get get create_folder create_folder {sent}",
            after={"new/er/a.csv": content},
        ),
        make(
            "upload_folder_missing",
            upload(size, location="myfiles/new/a.csv"),
            "get get get get get children",
            raises=ItemNotFound,
        ),
        make("upload_on_folder", upload(size, location="myfiles/in"), f"get {refused} get", raises=LocationError),
        Operation(f"update_{size}", update(size), f"get {sent}", before=TAKEN, after=after, versions=twice),
        Operation(
            f"update_{size}_etag", update(size, etag="now"), f"get {sent}", before=TAKEN, after=after, versions=twice
        ),
        Operation(
            f"update_{size}_stale",
            update(size, etag='"{0},9"'),
            f"get {refused} get",
            before=TAKEN,
            raises=PreconditionFailed,
        ),
        Operation(f"update_{size}_missing", update(size), "get get get children", raises=ItemNotFound),
        Operation(f"save_{size}_free", save(size), f"get {sent}", after=after),
        Operation(f"save_{size}_taken", save(size), f"get {sent}", before=TAKEN, after=after, versions=twice),
    ]


_LARGE_THERE = {"before": {"in/a.csv": LARGE}}
_FETCHED = {"local_after": {"a.csv": LARGE}}
_HALF = {"operation": "fragment", "after": 1}

OPERATIONS = [
    *_uploads("small"),
    *_uploads("large"),
    Operation(
        "upload_empty_mtime",
        upload("empty", options=WITH_TIME),
        "get upload update",
        after={"in/a.csv": b""},
        versions={"in/a.csv": 2},
    ),
    Operation(
        "upload_small_mtime",
        upload("small", options=WITH_TIME),
        "get create_session fragment",
        after={"in/a.csv": SMALL},
    ),
    Operation(
        "upload_resumed",
        upload_resumed,
        "get session_status fragment fragment",
        after={"in/a.csv": LARGE},
        earlier=half_an_upload,
    ),
    Operation(
        "upload_cut",
        upload("large"),
        "get create_session fragment fragment session_status fragment fragment",
        after={"in/a.csv": LARGE},
        rules=({**_HALF, "do": cut_request(7)},),
    ),
    Operation(
        "upload_full_drive",
        upload("large"),
        "get create_session fragment fragment session_cancel",
        raises=QuotaExceeded,
        rules=({**_HALF, "do": status(507)},),
    ),
    Operation(
        "upload_late_commit",
        upload("large"),
        "get create_session fragment fragment fragment session_status session_commit",
        after={"in/a.csv": LARGE},
        quirks={"refused_commits": 1},
    ),
    Operation(
        "update_late_commit",
        update("large"),
        "get create_session fragment fragment fragment session_status session_commit",
        before=TAKEN,
        after={"in/a.csv": LARGE},
        versions={"in/a.csv": 2},
        quirks={"refused_commits": 1},
    ),
    Operation("download_small", download(), "get download", before={"in/a.csv": SMALL}, local_after={"a.csv": SMALL}),
    Operation("download_empty", download(), "get", before={"in/a.csv": b""}, local_after={"a.csv": b""}),
    Operation("download_large", download(), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_replace", download(), "get download", **_LARGE_THERE, local={"a.csv": OLD}, **_FETCHED),
    Operation("download_fail_free", download("fail"), "get download", **_LARGE_THERE, **_FETCHED),
    Operation(
        "download_fail_taken", download("fail"), "get", **_LARGE_THERE, local={"a.csv": OLD}, raises=LocalFileError
    ),
    Operation(
        "download_rename",
        download("rename"),
        "get download",
        **_LARGE_THERE,
        local={"a.csv": OLD},
        local_after={"a.csv": OLD, "a 1.csv": LARGE},
    ),
    Operation("download_skip", download("skip"), "get", **_LARGE_THERE, local={"a.csv": OLD}),
    Operation(
        "download_skip_if_same",
        download("skip_if_same"),
        "get download",
        **_LARGE_THERE,
        local={"a.csv": OLD},
        **_FETCHED,
    ),
    Operation("download_skip_if_same_same", download("skip_if_same"), "get", **_LARGE_THERE, local={"a.csv": LARGE}),
    Operation("download_etag", download(etag="now"), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_stale", download(etag='"{0},9"'), "get", **_LARGE_THERE, raises=PreconditionFailed),
    Operation("download_missing", download(), "get get get children", raises=ItemNotFound),
    Operation("download_chunks", fetch(at_once=False), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_at_once", fetch(at_once=True), "get download download download", **_LARGE_THERE, **_FETCHED),
    Operation(
        "download_resumed", fetch(at_once=False), "get download", **_LARGE_THERE, **_FETCHED, earlier=half_a_download
    ),
    Operation("open", read, "get download", **_LARGE_THERE, result=LARGE),
    Operation("create_folder", create_folder("myfiles/in/new"), "get create_folder", after={"in/new/": None}),
    Operation(
        "create_folder_taken",
        create_folder("myfiles/other"),
        "get create_folder get",
        raises=NameAlreadyExists,
        may_be_ours=True,
    ),
    Operation("create_folder_exist_ok", create_folder("myfiles/other", exist_ok=True), "get create_folder get"),
    Operation("delete_file", delete(), "get delete", before=TAKEN, after={}),
    Operation("delete_permanent", delete(permanent=True), "get permanent_delete", before=TAKEN, after={}),
    Operation(
        "delete_folder",
        delete("myfiles/tree", recursive=True),
        "get children children children delete",
        before=_TREE,
        after={},
    ),
    Operation("delete_full_folder", delete("myfiles/tree"), "get", before=_TREE, raises=LocationError),
    Operation("delete_missing", delete(attempt=TaskAttempt()), "get get get children", raises=ItemNotFound),
    Operation(
        "children",
        listed("children", "myfiles/tree"),
        "children",
        before=_TREE,
        result=["tree/a.csv", "tree/deep", "tree/empty"],
    ),
    Operation(
        "children_pages", listed("children", "myfiles/many"), "children children", before=_MANY, result=sorted(_MANY)
    ),
    Operation("children_none", listed("children", "myfiles/tree/empty"), "children get", before=_TREE, result=[]),
    Operation(
        "walk",
        listed("walk", "myfiles/tree"),
        "children children children",
        before=_TREE,
        result=["tree/a.csv", "tree/deep", "tree/deep/b.csv", "tree/deep/er", "tree/deep/er/c.csv", "tree/empty"],
    ),
    Operation(
        "walk_drive",
        listed("walk", "myfiles/"),
        "delta",
        before=TAKEN,
        result=["in", "in/a.csv", "in/a.csv.bak", "in/b.csv", "other", "other/a.csv"],
    ),
    Operation("stat", stat, "get", before=TAKEN, result=("in/a.csv", len(OLD))),
    Operation("exists", exists(FILE), "get", before=TAKEN, result=True),
    Operation("exists_not", exists(FILE), "get get", result=False),
]
