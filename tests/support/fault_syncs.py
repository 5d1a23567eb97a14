"""The syncs of the fault tests: the first run lists all, later ones ask for the changes."""

from __future__ import annotations

import json
from typing import Any

from fault_scene import OLD, OTHER, Operation, Scene

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.tracking.tree import KINDS

FOLDER = "myfiles/tree"
_TREE = {"tree/a.csv": OLD, "tree/deep/b.csv": OLD, "tree/deep/er/c.csv": OTHER}
_ALL = ["tree/a.csv", "tree/deep", "tree/deep/b.csv", "tree/deep/er", "tree/deep/er/c.csv"]
_LATER = {"tree/a.csv": OTHER, "tree/deep/er/c.csv": OTHER, "tree/new.csv": OLD}


def sync(scene: Scene, client: Client, retrying: bool) -> dict[str, Any]:
    """Return what the run says, and what the manifest says then."""
    del retrying  # the run has the same key in each try
    manifest = scene.folder / "manifest.jsonl"
    synced = client.sync_folder(FOLDER, manifest, run_key="run 2")
    changed = {kind: [item.path for item in getattr(synced.changes, kind)] for kind in KINDS}
    _, *lines = map(json.loads, manifest.read_text(encoding="utf-8").splitlines())
    return {kind: paths for kind, paths in changed.items() if paths} | {"all": [line["path"] for line in lines]}


def first_sync(scene: Scene) -> None:
    """An earlier run has listed all, and things have changed since."""
    scene.connect().sync_folder(FOLDER, scene.folder / "manifest.jsonl", run_key="run 1")
    scene.drive.put("tree/a.csv", OTHER)
    scene.drive.put("tree/new.csv", OLD)
    scene.drive.delete("tree/deep/b.csv")
    scene.be_later()


def folder_comes(scene: Scene) -> None:
    """An earlier run has listed all; since then a folder came from elsewhere, in which nothing changed."""
    scene.connect().sync_folder(FOLDER, scene.folder / "manifest.jsonl", run_key="run 1")
    scene.connect().move("myfiles/out/deep", "myfiles/tree/")
    scene.be_later()


SYNCS = [
    Operation(
        "sync_first",
        sync,
        "get delta children children children delta",
        sure="children1 children2 children3",
        before=_TREE,
        result={"created": _ALL, "all": _ALL},
    ),
    Operation(
        "sync_second",
        sync,
        "get delta",
        before=_TREE,
        after=_LATER,
        earlier=first_sync,
        versions={"tree/a.csv": 2},
        result={
            "created": ["tree/new.csv"],
            "updated": ["tree/a.csv"],
            "deleted": ["tree/deep/b.csv"],
            "all": ["tree/a.csv", "tree/deep", "tree/deep/er", "tree/deep/er/c.csv", "tree/new.csv"],
        },
    ),
    Operation(
        "sync_folder_comes",
        sync,
        "get delta children children",
        sure="children1 children2",
        before={"tree/a.csv": OLD, "out/deep/b.csv": OLD, "out/deep/er/c.csv": OTHER},
        after={"out/": None, **_TREE},
        earlier=folder_comes,
        result={"created": _ALL[1:], "all": _ALL},
    ),
]
