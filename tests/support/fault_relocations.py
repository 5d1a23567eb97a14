"""The moves and copies of the fault tests."""

from __future__ import annotations

from typing import Any

from fault_scene import ELSEWHERE, FILE, OLD, OTHER, Act, Operation, Scene

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import NameAlreadyExists

_FREE = {"in/a.csv": OLD, "out/": None}
_TAKEN = {"in/a.csv": OLD, "out/a.csv": OTHER}
_FREE_ELSEWHERE = {"in/a.csv": OLD, f"{ELSEWHERE}out/": None}
_TAKEN_ELSEWHERE = {"in/a.csv": OLD, f"{ELSEWHERE}out/a.csv": OTHER}
_TREE = {"tree/deep/b.csv": OTHER, "tree/a.csv": OLD}
_TREE_OUT = {f"out/{path}": content for path, content in _TREE.items()}
_TREE_FREE = {**_TREE, "out/": None}


def relocate(
    method: str,
    destination: str = "myfiles/out/",
    if_exists: str = "fail",
    *,
    location: str = FILE,
    is_elsewhere: bool = False,
    **more: Any,
) -> Act:
    """:param method: ``move`` or ``copy``."""

    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        target = f"users/{scene.other_user}/out/" if is_elsewhere else destination
        attempt = TaskAttempt(retrying=retrying)
        return getattr(client, method)(location, target, if_exists=if_exists, attempt=attempt, **more)

    return act


def _elsewhere(method: str, if_exists: str = "fail", **more: Any) -> Act:
    return relocate(method, if_exists=if_exists, is_elsewhere=True, **more)


_MOVES = [
    Operation("move", relocate("move"), "get get update", sure="get1", before=_FREE, after={"out/a.csv": OLD}),
    Operation(
        "move_rename",
        relocate("move", "myfiles/in/new.csv"),
        "get get update",
        sure="get1",
        before={"in/a.csv": OLD},
        after={"in/new.csv": OLD},
    ),
    Operation(
        "move_fail_taken", relocate("move"), "get get update get", sure="get1", before=_TAKEN, raises=NameAlreadyExists
    ),
    Operation(
        "move_replace_taken",
        relocate("move", if_exists="replace"),
        "get get update get delete update",
        sure="get1",
        before=_TAKEN,
        between=({"in/a.csv": OLD, "out/": None},),
        after={"out/a.csv": OLD},
    ),
    Operation(
        "move_rename_taken",
        relocate("move", if_exists="rename"),
        "get get update get update",
        sure="get1 get3",
        before=_TAKEN,
        after={"out/a.csv": OTHER, "out/a 1.csv": OLD},
        numbered={"out/a.csv": OTHER, "out/a 2.csv": OLD},
    ),
    Operation("move_skip_taken", relocate("move", if_exists="skip"), "get get update get", sure="get1", before=_TAKEN),
    Operation(
        "move_folder",
        relocate("move", location="myfiles/tree"),
        "get get update",
        sure="get1",
        before=_TREE_FREE,
        after=_TREE_OUT,
    ),
    Operation(
        "move_elsewhere",
        _elsewhere("move"),
        "get get get copy monitor monitor get get delete",
        sure="get1 get3 get4",
        before=_FREE_ELSEWHERE,
        between=({"in/a.csv": OLD, f"{ELSEWHERE}out/a.csv": OLD},),
        after={f"{ELSEWHERE}out/a.csv": OLD},
    ),
    Operation(
        "move_elsewhere_by_graph",
        _elsewhere("move", cross_drive="move"),
        "get get get update monitor monitor get get",
        sure="get1",
        before=_FREE_ELSEWHERE,
        between=({"in/a.csv": OLD, f"{ELSEWHERE}out/a.csv": OLD},),
        after={f"{ELSEWHERE}out/a.csv": OLD},
    ),
    Operation(
        "move_elsewhere_replace_taken",
        _elsewhere("move", "replace"),
        "get get get delete get copy monitor monitor get get delete",
        sure="get1 get3 get4 get5",
        before=_TAKEN_ELSEWHERE,
        between=(_FREE_ELSEWHERE, {"in/a.csv": OLD, f"{ELSEWHERE}out/a.csv": OLD}),
        after={f"{ELSEWHERE}out/a.csv": OLD},
    ),
]
_COPIES = [
    Operation(
        "copy",
        relocate("copy"),
        "get get get copy monitor monitor get",
        sure="get3 get4",
        before=_FREE,
        after={"in/a.csv": OLD, "out/a.csv": OLD},
    ),
    Operation("copy_fail_taken", relocate("copy"), "get get get", sure="get3", before=_TAKEN, raises=NameAlreadyExists),
    Operation(
        "copy_replace_taken",
        relocate("copy", if_exists="replace"),
        "get get get delete get copy monitor monitor get",
        sure="get3 get4 get5",
        before=_TAKEN,
        between=(_FREE,),
        after={"in/a.csv": OLD, "out/a.csv": OLD},
    ),
    Operation(
        "copy_rename_taken",
        relocate("copy", if_exists="rename"),
        "get get get get copy monitor monitor get",
        sure="get3 get4 get5",
        before=_TAKEN,
        after={**_TAKEN, "out/a 1.csv": OLD},
        numbered={**_TAKEN, "out/a 2.csv": OLD},
    ),
    Operation(
        "copy_folder",
        relocate("copy", location="myfiles/tree"),
        "get get get copy monitor monitor get",
        sure="get3 get4",
        before=_TREE_FREE,
        after={**_TREE, **_TREE_OUT},
    ),
    Operation(
        "copy_elsewhere",
        _elsewhere("copy"),
        "get get get copy monitor monitor get",
        sure="get3 get4",
        before=_FREE_ELSEWHERE,
        after={"in/a.csv": OLD, f"{ELSEWHERE}out/a.csv": OLD},
    ),
]
RELOCATIONS = [*_MOVES, *_COPIES]
