"""What the demo prints: the drive, and the tasks of the run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator import EmulatedDrive


def drive_paths(drive: EmulatedDrive) -> dict[str, int]:
    """Return the size in bytes of each path; folders end in "/"."""
    return {path: 0 if path.endswith("/") else drive.item(path)["size"] for path in sorted(drive.paths())}


def drive_table(paths: dict[str, int], before: Iterable[str] | None = None) -> str:
    """Return one line per file and folder.

    :param before: the paths of an earlier time; a new one gets a "+" in front, one that is gone a "-"
    """
    earlier = set(paths if before is None else before)
    lines = [
        f"  {' ' if path in earlier else '+'} {'' if path.endswith('/') else format(size, ','):>12}  {path}"
        for path, size in paths.items()
    ]
    return "\n".join([*lines, *(f"  - {'':>12}  {path}" for path in sorted(earlier - set(paths)))])


def task_table(tasks: list[dict[str, Any]], deferred: set[str]) -> str:
    """Return one line per task in the order they ended.

    :param deferred: names of the tasks that were seen waiting in the triggerer
    """
    rows = [("task", "map", "state", "seconds")]
    for task in sorted(tasks, key=lambda task: (task["end_date"] is None, task["end_date"])):
        state = f"{task['state']}{', was deferred' if task['task_id'] in deferred else ''}"
        map_index = "" if task["map_index"] < 0 else str(task["map_index"])
        rows.append((task["task_id"], map_index, state, seconds_of(task)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"  {name:<{widths[0]}}  {index:>{widths[1]}}  {state:<{widths[2]}}  {seconds:>7}"
        for name, index, state, seconds in rows
    )


def seconds_of(task: dict[str, Any]) -> str:
    """Return the duration of the last try from its first start; Airflow's own figure starts anew after a deferral."""
    if not task["start_date"] or not task["end_date"]:
        return ""
    span = datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])
    return f"{span.total_seconds():.1f}"
