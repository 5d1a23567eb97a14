"""What delta tells of a folder tree, with answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.tree import FolderIndex


@pytest.mark.parametrize(("child_count", "is_listed"), [(3, True), (None, True), (0, False)])
def test_a_folder_that_came_from_elsewhere(samples: Any, child_count: int | None, is_listed: bool) -> None:
    """What is in it has to be listed, unless it is surely empty: delta may leave the count out."""
    watched = DriveItem.from_json(samples.folder("in", "IN"), lambda *_: "myfiles/in")
    arrived = samples.folder("x", "X", parent="/in")
    arrived["parentReference"]["id"] = "IN"
    arrived["folder"] = {} if child_count is None else {"childCount": child_count}
    changes, to_be_listed = FolderIndex(watched).take([arrived])
    assert [item.path for item in changes.created] == ["in/x"]
    assert [item.name for item in to_be_listed] == ["x"] * is_listed
