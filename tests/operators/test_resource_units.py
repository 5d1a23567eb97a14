"""What docs/throttling.md says a task costs is what the local OneDrive counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators import onedrive
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

PAGE = (Path(__file__).parents[2] / "docs" / "throttling.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(OneDrive\w+)` \| (.+?) \| (\d+) \| (\d+) \|$", re.MULTILINE)
UNIT = 327_680
SMALL, LARGE = b"id,total\n1,2\n", bytes(2 * UNIT + 1)

# For each row of the table: what is in the drive before, and how the operator is called.
CASES: dict[tuple[str, str], tuple[dict[str, bytes | None], dict[str, Any]]] = {
    ("OneDriveUploadOperator", "a file of up to 10 MiB"): (
        {"in/": None},
        {"local_path": "{folder}/small", "location": "myfiles/in/"},
    ),
    ("OneDriveUploadOperator", "the same, with a folder that is created"): (
        {},
        {"local_path": "{folder}/small", "location": "myfiles/in/", "create_folders": True},
    ),
    ("OneDriveUploadOperator", "a larger file, in 3 fragments"): (
        {"in/": None},
        {
            "local_path": "{folder}/large",
            "location": "myfiles/in/",
            "single_put_bytes": UNIT,
            "fragment_bytes": UNIT,
        },
    ),
    ("OneDriveUpdateOperator", "a file of up to 10 MiB"): (
        {"in/a.csv": b"old"},
        {"local_path": "{folder}/small", "location": "myfiles/in/a.csv"},
    ),
    ("OneDriveSaveOperator", "a file of up to 10 MiB"): (
        {"in/a.csv": b"old"},
        {"local_path": "{folder}/small", "location": "myfiles/in/a.csv"},
    ),
    ("OneDriveSaveOperator", "`skip_if_same`, and it is the same"): (
        {"in/a.csv": SMALL},
        {"local_path": "{folder}/small", "location": "myfiles/in/a.csv", "if_exists": "skip_if_same"},
    ),
    ("OneDriveDeleteOperator", "a file"): ({"in/a.csv": b"1"}, {"location": "myfiles/in/a.csv"}),
    ("OneDriveDeleteOperator", "a folder with files, `recursive=True`"): (
        {"in/a.csv": b"1", "in/b.csv": b"1"},
        {"location": "myfiles/in/", "recursive": True},
    ),
    ("OneDriveDeleteOperator", "`ignore_if_missing=True`, and nothing is there"): (
        {"in/a.csv": b"1"},
        {"location": "myfiles/in/b.csv", "ignore_if_missing": True},
    ),
    ("OneDriveListOperator", "a folder of up to 1,000 items"): ({"in/a.csv": b"1"}, {"location": "myfiles/in/"}),
    ("OneDriveListOperator", "a folder of 2,500 items"): (
        {f"in/{number}": b"" for number in range(2500)},
        {"location": "myfiles/in/", "max_items": 2500},
    ),
    ("OneDriveListOperator", "`recursive=True`, with 3 folders in it"): (
        {"in/a/1": b"", "in/b/1": b"", "in/c/1": b""},
        {"location": "myfiles/in/", "recursive": True},
    ),
    ("OneDriveDownloadOperator", "a file of less than 256 MiB"): (
        {"in/a.csv": b"1"},
        {"location": "myfiles/in/a.csv", "local_path": "{folder}/got.csv"},
    ),
    ("OneDriveDownloadOperator", "the same, without `local_path`"): (
        {"in/a.csv": b"1"},
        {"location": "myfiles/in/a.csv"},
    ),
    ("OneDriveFileSensor", "one poll of a file"): ({"in/a.csv": b"1"}, {"location": "myfiles/in/a.csv"}),
    ("OneDriveFileSensor", "one poll of a folder"): ({"in/a.csv": b"1"}, {"location": "myfiles/in/"}),
}


def test_every_row_is_measured() -> None:
    """The table has the cases that are measured here, and no others."""
    assert [(name, case) for name, case, _, _ in ROW.findall(PAGE)] == list(CASES)


@pytest.mark.parametrize(("name", "case", "requests", "units"), ROW.findall(PAGE))
def test_the_table(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    case: str,
    requests: str,
    units: str,
) -> None:
    """A task asks and costs what its row says; signing in is free."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "documents"))
    before, kwargs = CASES[name, case]
    (tmp_path / "small").write_bytes(SMALL)
    (tmp_path / "large").write_bytes(LARGE)
    for path, content in before.items():
        if content is None:
            onedrive_emulator.drive().folder(path)
        else:
            onedrive_emulator.drive().put(path, content)
    filled = {key: value.format(folder=tmp_path) if isinstance(value, str) else value for key, value in kwargs.items()}
    kind = OneDriveFileSensor if name == "OneDriveFileSensor" else getattr(onedrive, name)
    with onedrive_emulator.requests.measure() as cost:
        kind(task_id="task", **filled).execute(task_context())
    totals = [cost.total(origin=origin) for origin in ("graph", "store")]
    found = sum(total.requests for total in totals), sum(total.resource_units for total in totals)
    assert found == (int(requests), int(units))
    assert cost.total(origin="login").resource_units == 0


def test_the_example() -> None:
    """The pool of the example follows from the formula."""
    assert int(1250 * 0.5 / (3 * 60 / 4)) == 13
    assert "÷ 45 = 13 slots" in PAGE
    assert "pools set onedrive 13" in PAGE
