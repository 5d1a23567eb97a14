"""The transfers of folders of the fault tests: up, down, as mirrors, as moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fault_scene import OLD, OPTIONS, OTHER, SMALL, Act, Operation, Scene

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.options import TransferOptions
from airflow_provider_onedrive.graph.transfers.bulk import raise_for

FOLDER = "myfiles/tree"
_TREE = {"tree/a.csv": SMALL, "tree/deep/b.csv": OTHER}
_OLD_TREE = {"tree/a.csv": OLD, "tree/deep/b.csv": OLD + OLD}
_EXTRA = "deep/old.csv"
_WITH_EXTRA = {**_OLD_TREE, f"tree/{_EXTRA}": b"id;total\n7;7\n"}


def upload_folder(if_exists: str = "fail", **options: Any) -> Act:
    """Send files one after the other, so that each step is the same in every run."""

    def act(scene: Scene, client: Client, retrying: bool) -> None:
        report = client.upload_folder(
            FOLDER,
            local_path=scene.here / "tree",
            recursive=True,
            if_exists=if_exists,  # type: ignore[arg-type]
            options=TransferOptions(**_options(retrying, options), upload=OPTIONS),
            attempt=TaskAttempt(retrying=retrying),
        )
        _take(scene, report, "uploaded")

    return act


def download_folder(**options: Any) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> None:
        report = client.download_folder(
            FOLDER,
            scene.here / "tree",
            recursive=True,
            options=TransferOptions(**_options(retrying, options)),
            attempt=TaskAttempt(retrying=retrying),
        )
        _take(scene, report, "downloaded")

    return act


def _options(retrying: bool, options: Mapping[str, Any]) -> dict[str, Any]:
    """Add what operators add: where an earlier try moved all, nothing is left for this one."""
    return {"max_concurrent": 1, "if_none": "skip" if retrying and options.get("move") else "fail", **options}


def _take(scene: Scene, report: Report, what: str) -> None:
    """End as an operator does."""
    scene.report = report
    raise_for(report, what)


def check_upload(scene: Scene, operation: Operation) -> None:
    """What the report says is true: what was sent is there, what was deleted or moved has gone, what was kept is."""
    report = scene.report
    if report is None:
        return
    paths = {item.path.removeprefix("tree/") for item in report.done}
    for item in report.done:
        assert scene.drive.item(item.path)["id"] == item.id
    _check_sources(report, paths, operation, lambda path: (scene.here / "tree" / path).exists())
    _check_extra(report, operation, scene.drive.exists(f"tree/{_EXTRA}"))


def check_download(scene: Scene, operation: Operation) -> None:
    """What the report says is true, see :func:`check_upload`."""
    report = scene.report
    if report is None:
        return
    paths = {item.path.removeprefix("tree/") for item in report.done}
    assert all((scene.here / "tree" / path).is_file() for path in paths)
    _check_sources(report, paths, operation, lambda path: scene.drive.exists(f"tree/{path}"))
    _check_extra(report, operation, (scene.here / "tree" / _EXTRA).exists())


def _check_sources(report: Report, paths: set[str], operation: Operation, is_there: Any) -> None:
    """Of each file the report says something; of a move only what is not there any more is said to be moved."""
    failed, kept = {path for path, _, _ in report.failed}, {path for path, _ in report.kept}
    named = paths | failed | {step.path for step in report.skipped}
    is_move = operation.name.endswith("_move")
    # An earlier try may have moved the others.
    assert all(path in named or (is_move and not is_there(path)) for path in ("a.csv", "deep/b.csv"))
    for path in named - failed:
        assert is_there(path) == (not is_move or path in kept)


def _check_extra(report: Report, operation: Operation, is_there: bool) -> None:
    """A mirror deletes nothing where a source failed; whether a deletion that failed was done nobody knows."""
    if not operation.name.endswith("_mirror"):
        return
    failed = {path for path, _, _ in report.failed}
    assert report.deleted in ([], [] if failed else [_EXTRA])
    assert failed == {_EXTRA} or is_there == bool(failed)


TRANSFERS = [
    Operation(
        "upload_tree",
        upload_folder(),
        "get create_folder upload upload",
        before={"tree/": None},
        after=_TREE,
        local=_TREE,
        is_piecemeal=True,
        check=check_upload,
    ),
    Operation(
        "upload_tree_mirror",
        upload_folder("replace", delete_extra=True),
        "get children children upload upload delete batch",
        sure="children1 children2",
        before=_WITH_EXTRA,
        after=_TREE,
        local=_TREE,
        versions=dict.fromkeys(_TREE, 2),
        is_piecemeal=True,
        check=check_upload,
    ),
    Operation(
        "upload_tree_skip_if_same",
        upload_folder("skip_if_same"),
        "get create_folder get get get upload",
        sure="get2 get3 get4",
        before={"tree/a.csv": SMALL, "tree/deep/b.csv": OLD},
        after=_TREE,
        local=_TREE,
        versions={"tree/deep/b.csv": 2},
        is_piecemeal=True,
        check=check_upload,
    ),
    Operation(
        "upload_tree_move",
        upload_folder(move=True),
        "get create_folder upload upload",
        before={"tree/": None},
        after=_TREE,
        local=_TREE,
        local_after={},
        is_piecemeal=True,
        check=check_upload,
    ),
    Operation(
        "download_tree",
        download_folder(),
        "get children children download download",
        sure="children1 children2",
        before=_TREE,
        local_after=_TREE,
        is_piecemeal=True,
        check=check_download,
    ),
    Operation(
        "download_tree_mirror",
        download_folder(delete_extra=True),
        "get children children download download",
        sure="children1 children2",
        before=_TREE,
        local=_WITH_EXTRA,
        local_after=_TREE,
        is_piecemeal=True,
        check=check_download,
    ),
    Operation(
        "download_tree_move",
        download_folder(move=True),
        "get children children download download delete delete batch",
        sure="children1 children2",
        before=_TREE,
        after={"tree/deep/": None},
        local_after=_TREE,
        is_piecemeal=True,
        check=check_download,
    ),
]
