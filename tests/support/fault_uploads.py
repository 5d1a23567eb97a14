"""The uploads of the fault tests."""

from __future__ import annotations

from typing import Any

from fault_scene import BUSY, FILE, LARGE, NEW, OPTIONS, SMALL, TAKEN, Act, Operation, Scene

from airflow_provider_onedrive.emulator.faults import cut_request, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    IsFolder,
    ItemNotFound,
    NameAlreadyExists,
    PreconditionFailed,
    QuotaExceeded,
)
from airflow_provider_onedrive.graph.protocol.options import UploadOptions

WITH_TIME = UploadOptions(preserve_mtime=True)
SENT = {"small": "upload", "large": "create_session fragment fragment fragment"}
_HALF = {"operation": "fragment", "after": 1}


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
            f"get {refused} get get get {sent}",
            before=TAKEN,
            after=TAKEN | {"in/a 1.csv": content},
            numbered=TAKEN | {"in/a 2.csv": content},
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
            "get get get get get children get get get children drive",
            raises=ItemNotFound,
        ),
        make("upload_on_folder", upload(size, location="myfiles/in"), f"get {refused} get", raises=IsFolder),
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
        Operation(
            f"update_{size}_missing", update(size), "get get get get get children get children", raises=ItemNotFound
        ),
        Operation(f"save_{size}_free", save(size), f"get {sent}", after=after),
        Operation(f"save_{size}_taken", save(size), f"get {sent}", before=TAKEN, after=after, versions=twice),
    ]


UPLOADS = [
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
]
