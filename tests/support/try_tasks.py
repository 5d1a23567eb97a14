"""The tasks whose tries meet: each writing operator, and what its kinds of writing do differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fault_scene import NEW, OLD

from airflow_provider_onedrive.graph.protocol.addresses import item_url
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES
from airflow_provider_onedrive.operators.base import OneDriveOperator
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveCopyOperator,
    OneDriveCreateFolderOperator,
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveFolderSyncOperator,
    OneDriveMoveOperator,
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

SMALL, LARGE = NEW["small"], NEW["large"]
SENDING = {"single_put_bytes": 64 * 1024, "fragment_bytes": UNIT_BYTES}
FILE = "myfiles/in/a.csv"
OTHER_USER = "ben@contoso.example"
MANIFEST = "manifest.jsonl"


class OpenOperator(OneDriveOperator):
    """A task of one's own that writes an open file."""

    def run_task(self, context: Context) -> None:
        del context
        with self.connected() as client, client.open(FILE, "w") as file:
            file.write("text")


class RequestOperator(OneDriveOperator):
    """A task of one's own that sends a request of its own."""

    def run_task(self, context: Context) -> None:
        del context
        with self.connected() as client:
            item = client.stat(FILE)
            times = {"fileSystemInfo": {"lastModifiedDateTime": "2020-01-02T03:04:05Z"}}
            client.request("PATCH", item_url(item.drive_id, item.id), json=times)


METHODS: dict[type[OneDriveOperator], str] = {
    OneDriveUploadOperator: "upload",
    OneDriveUpdateOperator: "update",
    OneDriveSaveOperator: "save",
    OneDriveDeleteOperator: "delete",
    OneDriveCreateFolderOperator: "create_folder",
    OneDriveMoveOperator: "move",
    OneDriveCopyOperator: "copy",
    OneDriveDownloadOperator: "download",
    OneDriveFolderSyncOperator: "sync_folder",
}


@dataclass(frozen=True)
class Alone:
    """What two tries may do that share nothing, beyond what one does.

    :param ends: the errors with which the first may end, for it finds what the second did.
    :param later_ends: those of a later one.
    :param more: files that may be there.
    :param versions: how many more a file may have.
    """

    ends: Sequence[str] = ()
    later_ends: Sequence[str] = ()
    more: Mapping[str, bytes] = field(default_factory=dict)
    versions: int = 0


NOTICED = Alone()
TAKEN_BY_OTHER = Alone(["NameAlreadyExists"])
GONE = Alone(["ItemNotFound"])


@dataclass(frozen=True)
class Task:
    """A task whose tries meet.

    :param method: of the client, if it is not the one that the operator usually calls.
    :param kwargs: of the operator; ``LOCAL`` stands for the folder of local files.
    :param steps: the requests of a try that is alone, but for the sign-in.
    :param before: the files of the drive; ``after`` those that are there in the end.
    :param versions: how many versions a file may have then.
    :param is_for_all: also for personal drives.
    :param local: the local folder that is looked at; ``local_after`` the files in it.
    """

    name: str
    operator: type[OneDriveOperator]
    kwargs: Mapping[str, Any]
    steps: str
    after: Mapping[str, bytes | None]
    before: Mapping[str, bytes | None] = field(default_factory=dict)
    versions: int = 1
    local: str = ""
    local_after: Mapping[str, bytes] | None = None
    method: str = ""
    alone: Alone = NOTICED
    is_for_all: bool = True

    @property
    def client_method(self) -> str:
        return self.method or METHODS[self.operator]

    @property
    def files(self) -> dict[str, bytes]:
        return {path: data for path, data in self.after.items() if data is not None}


OTHERS = {"in/b.csv": OLD}
TAKEN = {"in/a.csv": OLD, **OTHERS}
OUT = {**TAKEN, "out/": None}
BOTH = {**TAKEN, "out/a.csv": SMALL}
MOVED = {"location": FILE, "destination": "myfiles/out/"}
TREE = {"local_path": "LOCAL/tree/", "location": "myfiles/in/", "recursive": True, **SENDING}
FETCHED = {"location": "myfiles/in/", "local_path": "LOCAL/here/", "recursive": True}


def upload(name: str, if_exists: str, size: str, steps: str, **more: Any) -> Task:
    kwargs = {"local_path": f"LOCAL/{size}", "location": FILE, "if_exists": if_exists, **SENDING}
    return Task(name, OneDriveUploadOperator, kwargs | more.pop("kwargs", {}), steps, **more)


def replacing(name: str, operator: type[OneDriveOperator], size: str, steps: str, **more: Any) -> Task:
    kwargs = {"local_path": f"LOCAL/{size}", "location": FILE, **SENDING}
    return Task(name, operator, kwargs, steps, before=TAKEN, after={**TAKEN, "in/a.csv": NEW[size]}, **more)


UPLOADS = [
    upload(
        "upload",
        "fail",
        "small",
        "get upload",
        before=OTHERS,
        after={"in/a.csv": SMALL, **OTHERS},
        alone=TAKEN_BY_OTHER,
    ),
    upload(
        "upload_large",
        "fail",
        "large",
        "get create_session fragment fragment2 fragment3",
        before=OTHERS,
        after={"in/a.csv": LARGE, **OTHERS},
        alone=TAKEN_BY_OTHER,
    ),
    upload(
        "upload_rename",
        "rename",
        "small",
        "get get2 get3 get4 upload upload2",
        before=TAKEN,
        after={"in/a 1.csv": SMALL, **TAKEN},
        alone=Alone(more={"in/a 2.csv": SMALL}),
    ),
    upload(
        "upload_rename_free",
        "rename",
        "small",
        "get upload",
        before=OTHERS,
        after={"in/a.csv": SMALL, **OTHERS},
        alone=Alone(more={"in/a 1.csv": SMALL}),
    ),
    upload(
        "upload_rename_large",
        "rename",
        "large",
        "get get2 get3 get4 create_session create_session2 fragment fragment2 fragment3",
        before=TAKEN,
        after={"in/a 1.csv": LARGE, **TAKEN},
        alone=Alone(more={"in/a 2.csv": LARGE}),
    ),
    upload(
        "upload_skip",
        "skip_if_same",
        "small",
        "get get2 upload",
        before=TAKEN,
        after={**TAKEN, "in/a.csv": SMALL},
        versions=2,
    ),
    upload(
        "upload_replace", "replace", "small", "get upload", before=TAKEN, after={**TAKEN, "in/a.csv": SMALL}, versions=3
    ),
    upload(
        "upload_replace_large",
        "replace",
        "large",
        "get create_session fragment fragment2 fragment3",
        before=TAKEN,
        after={**TAKEN, "in/a.csv": LARGE},
        versions=3,
    ),
    upload(
        *(
            "upload_new_folder",
            "fail",
            "small",
            "get get2 get3 get4 get5 create_folder create_folder2 create_session fragment",
        ),
        kwargs={"location": "myfiles/new/er/a.csv", "create_folders": True, "preserve_mtime": True},
        before=OTHERS,
        after={"new/er/a.csv": SMALL, **OTHERS},
        alone=TAKEN_BY_OTHER,
    ),
    Task(
        "upload_tree",
        OneDriveUploadOperator,
        {**TREE, "if_exists": "rename"},
        "get get2 get3 get4 upload upload2 upload3",
        before=TAKEN,
        after={"in/a 1.csv": b"1", "in/x.csv": b"2", **TAKEN},
        method="upload_folder",
        alone=Alone(more={"in/a 2.csv": b"1", "in/x 1.csv": b"2"}),
    ),
    Task(
        "mirror",
        OneDriveUploadOperator,
        {**TREE, "delete_extra": True, "if_exists": "replace"},
        "get children upload upload2 batch",
        before={"in/a.csv": OLD, "in/extra.csv": OLD, "b.csv": OLD},
        after={"in/a.csv": b"1", "in/x.csv": b"2", "b.csv": OLD},
        versions=3,
        method="upload_folder",
    ),
    Task(
        "upload_move",
        OneDriveUploadOperator,
        {**TREE, "move": True},
        "get upload upload2",
        before=OTHERS,
        after={"in/a.csv": b"1", "in/x.csv": b"2", **OTHERS},
        local="tree",
        local_after={},
        method="upload_folder",
        alone=Alone(["LocationError", "FilesFailed", "FilesRefused"]),
    ),
    replacing("update", OneDriveUpdateOperator, "small", "get upload", versions=2, alone=Alone(versions=1)),
    replacing(
        "update_large",
        OneDriveUpdateOperator,
        "large",
        "get create_session fragment fragment2 fragment3",
        versions=2,
        alone=Alone(versions=1),
    ),
    # A request that was on its way already makes a version more, of the same content.
    replacing("save", OneDriveSaveOperator, "small", "get upload", versions=3),
    replacing(
        "save_large", OneDriveSaveOperator, "large", "get create_session fragment fragment2 fragment3", versions=3
    ),
    Task(
        "open",
        OpenOperator,
        {},
        "get upload",
        before=TAKEN,
        after={**TAKEN, "in/a.csv": b"text"},
        versions=3,
        method="open",
    ),
]
DELETIONS = [
    Task("delete", OneDriveDeleteOperator, {"location": FILE}, "get delete", before=TAKEN, after=OTHERS, alone=GONE),
    Task(
        "delete_for_good",
        OneDriveDeleteOperator,
        {"location": FILE, "permanent": True},
        "get permanent_delete",
        before=TAKEN,
        after=OTHERS,
        alone=GONE,
        is_for_all=False,
    ),
    Task(
        "delete_folder",
        OneDriveDeleteOperator,
        {"location": "myfiles/in", "recursive": True},
        "get children delete",
        before={**TAKEN, "b.csv": OLD},
        after={"b.csv": OLD},
        alone=GONE,
    ),
    Task(
        "delete_pattern",
        OneDriveDeleteOperator,
        {"location": "myfiles/in/*.csv"},
        "children batch batch2 batch3",
        before={f"in/{number}.csv": OLD for number in range(45)},
        after={"in/": None},
        method="delete_all",
        alone=Alone(["ConfigurationError"]),
    ),
]
RELOCATIONS = [
    Task(
        "create_folder",
        OneDriveCreateFolderOperator,
        {"location": "myfiles/in/new", "exist_ok": False},
        "get create_folder",
        before=OTHERS,
        after={"in/new/": None, **OTHERS},
        alone=TAKEN_BY_OTHER,
    ),
    Task(
        "move",
        OneDriveMoveOperator,
        MOVED,
        "get get2 update",
        before=OUT,
        after={**OTHERS, "out/a.csv": OLD},
        alone=Alone(["SourceMissing"]),
    ),
    Task(
        "move_rename",
        OneDriveMoveOperator,
        {**MOVED, "if_exists": "rename"},
        "get get2 get3 update update2",
        before=BOTH,
        after={**OTHERS, "out/a.csv": SMALL, "out/a 1.csv": OLD},
        alone=Alone(["SourceMissing"], ["SourceMissing"]),
    ),
    Task(
        "move_replace",
        OneDriveMoveOperator,
        {**MOVED, "if_exists": "replace"},
        "get get2 get3 update update2 delete",
        before=BOTH,
        after={**OTHERS, "out/a.csv": OLD},
        alone=Alone(["SourceMissing"]),
    ),
    Task(
        "move_across",
        OneDriveMoveOperator,
        {"location": f"users/{OTHER_USER}/a.csv", "destination": "myfiles/out/"},
        "get get2 get3 get4 get5 copy monitor monitor2 delete",
        before={"out/": None},
        after={"out/a.csv": OLD},
        alone=Alone(["SourceMissing", "NameAlreadyExists", "ItemNotFound"]),
    ),
    Task(
        "copy",
        OneDriveCopyOperator,
        {**MOVED, "deferrable": False},
        "get get2 get3 get4 copy monitor monitor2",
        before=OUT,
        after={**TAKEN, "out/a.csv": OLD},
        alone=TAKEN_BY_OTHER,
    ),
    Task(
        "copy_rename",
        OneDriveCopyOperator,
        {**MOVED, "if_exists": "rename", "deferrable": False},
        "get get2 get3 get4 get5 copy monitor monitor2",
        before=BOTH,
        after={**BOTH, "out/a 1.csv": OLD},
        alone=Alone(more={"out/a 2.csv": OLD}),
    ),
    Task(
        "copy_replace",
        OneDriveCopyOperator,
        {**MOVED, "if_exists": "replace", "deferrable": False},
        "get get2 get3 get4 get5 delete copy monitor monitor2",
        before=BOTH,
        after={**TAKEN, "out/a.csv": OLD},
    ),
    Task(
        "copy_deferred",
        OneDriveCopyOperator,
        {**MOVED, "deferrable": True},
        "get get2 get3 copy",
        before=OUT,
        after={**TAKEN, "out/a.csv": OLD},
        method="start_copy",
        alone=TAKEN_BY_OTHER,
    ),
    Task("request", RequestOperator, {}, "get update", before=TAKEN, after=TAKEN, versions=3, method="request"),
]
DOWNLOADS = [
    Task(
        "download",
        OneDriveDownloadOperator,
        {"location": FILE, "local_path": "LOCAL/here/"},
        "get download",
        before=TAKEN,
        after=TAKEN,
        local="here",
        local_after={"a.csv": OLD},
    ),
    Task(
        "download_mirror",
        OneDriveDownloadOperator,
        {**FETCHED, "local_path": "LOCAL/tree/", "delete_extra": True},
        "get children download download2",
        before=TAKEN,
        after=TAKEN,
        local="tree",
        local_after={"a.csv": OLD, "b.csv": OLD},
        method="download_folder",
        alone=Alone(["FilesRefused"]),
    ),
    Task(
        "download_move",
        OneDriveDownloadOperator,
        {**FETCHED, "move": True},
        "get children download download2 batch",
        before={"in/a.csv": SMALL, "in/b.csv": OLD},
        after={"in/": None},
        local="here",
        local_after={"a.csv": SMALL, "b.csv": OLD},
        method="download_folder",
        alone=Alone(["LocationError", "FilesFailed"]),
    ),
    Task(
        "sync",
        OneDriveFolderSyncOperator,
        {"location": "myfiles/in", "manifest": f"LOCAL/kept/{MANIFEST}"},
        "get delta delta2 children",
        before=TAKEN,
        after=TAKEN,
    ),
]
TASKS = [*UPLOADS, *DELETIONS, *RELOCATIONS, *DOWNLOADS]
