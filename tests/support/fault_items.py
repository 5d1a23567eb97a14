"""What the fault tests do with single items: make folders, delete, list and look."""

from __future__ import annotations

from typing import Any

from fault_scene import FILE, OLD, OTHER, TAKEN, Act, Operation, Scene

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import FolderNotEmpty, ItemNotFound, NameAlreadyExists
from airflow_provider_onedrive.graph.transfers.bulk import raise_for

_TREE = {"tree/deep/er/c.csv": OLD, "tree/deep/b.csv": OLD, "tree/a.csv": OLD, "tree/empty/": None}
_MANY = {f"many/{number:04}.csv": b"" for number in range(1001)}


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


def delete_matching(scene: Scene, client: Client, retrying: bool) -> None:
    """Delete what a pattern chooses, as the operator does."""
    del retrying
    items = list(client.find("myfiles/tree", Filters(file_pattern="*.csv"), recursive=True))
    failed = client.delete_all(items)
    failed_ids = {item.id for item, _ in failed}
    report = scene.report = Report(done=[item for item in items if item.id not in failed_ids])
    for item, problem in failed:
        report.fail(item.location, problem)
    raise_for(report, "deleted")


def check_deleted(scene: Scene, operation: Operation) -> None:
    """What is said to be deleted has gone."""
    del operation
    assert not any(scene.drive.exists(item.path) for item in (scene.report.done if scene.report else ()))


def listed(method: str, location: str) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        return sorted(item.path for item in getattr(client, method)(location))

    return act


def stat(scene: Scene, client: Client, retrying: bool) -> Any:
    item = client.stat(FILE)
    return item.path, item.size


def exists(location: str) -> Act:
    return lambda _scene, client, _retrying: client.exists(location)


ITEMS = [
    Operation("create_folder", create_folder("myfiles/in/new"), "get create_folder", after={"in/new/": None}),
    Operation(
        "create_folder_taken",
        create_folder("myfiles/other"),
        "get create_folder get",
        sure="get1 get2",
        raises=NameAlreadyExists,
        may_be_ours=True,
    ),
    Operation("create_folder_exist_ok", create_folder("myfiles/other", exist_ok=True), "get create_folder get"),
    Operation("delete_file", delete(), "get delete", sure="get", before=TAKEN, after={}),
    Operation(
        "delete_permanent",
        delete(permanent=True),
        "get permanent_delete",
        sure="get",
        before=TAKEN,
        after={},
        is_permanent=True,
    ),
    Operation(
        "delete_folder",
        delete("myfiles/tree", recursive=True),
        "get children children children delete",
        sure="get children1 children2 children3",
        before=_TREE,
        after={},
    ),
    Operation("delete_full_folder", delete("myfiles/tree"), "get", sure="get", before=_TREE, raises=FolderNotEmpty),
    Operation(
        "delete_missing",
        delete(attempt=TaskAttempt()),
        "get get get get get children get children",
        raises=ItemNotFound,
    ),
    Operation(
        "delete_matching",
        delete_matching,
        "children children delete delete batch",
        sure="children2",
        before={"tree/a.csv": OLD, "tree/deep/b.csv": OTHER, "tree/c.txt": OTHER},
        after={"tree/c.txt": OTHER, "tree/deep/": None},
        is_piecemeal=True,
        check=check_deleted,
    ),
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
        sure="children2 children3",
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
    Operation("stat", stat, "get", sure="get", before=TAKEN, result=("in/a.csv", len(OLD))),
    Operation("exists", exists(FILE), "get", sure="get", before=TAKEN, result=True),
    Operation("exists_not", exists(FILE), "get get get get get children", result=False),
]
