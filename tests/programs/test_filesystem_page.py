"""docs/filesystem.md: its examples run, and programs cost as many requests as it says."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.filesystem.options import FileSystemOptions
from airflow_provider_onedrive.graph import LocationError

PAGE = (Path(__file__).parents[2] / "docs" / "filesystem.md").read_text(encoding="utf-8")
COSTS = PAGE.partition("## What it costs")[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FRAME = pd.DataFrame({"day": [1, 1, 2], "amount": [1.5, 2.5, 3.5]})


def duck(fs: OneDriveFileSystem) -> Any:
    connection = duckdb.connect()
    connection.register_filesystem(fs)
    return connection


def copied(fs: OneDriveFileSystem, folder: Path) -> None:
    with fs.open("myfiles/large.bin") as source, (folder / "large.bin").open("wb") as target:
        shutil.copyfileobj(source, target)


PROGRAMS: dict[str, Callable[[OneDriveFileSystem, Path], object]] = {
    'fs.info("myfiles/in/a.parquet")': lambda fs, _: fs.info("myfiles/in/a.parquet"),
    'fs.ls("myfiles/in")': lambda fs, _: fs.ls("myfiles/in"),
    'fs.find("myfiles")': lambda fs, _: fs.find("myfiles"),
    'fs.cat("myfiles/in/a.parquet")': lambda fs, _: fs.cat("myfiles/in/a.parquet"),
    'fs.pipe("myfiles/in/new.txt", b"1")': lambda fs, _: fs.pipe("myfiles/in/new.txt", b"1"),
    'fs.mv("myfiles/in/a.parquet", "myfiles/in/b.parquet")': lambda fs, _: fs.mv(
        "myfiles/in/a.parquet", "myfiles/in/b.parquet"
    ),
    'fs.rm("myfiles/in", recursive=True)': lambda fs, _: fs.rm("myfiles/in", recursive=True),
    'fs.get("myfiles/in", "local", recursive=True)': lambda fs, folder: fs.get(
        "myfiles/in", str(folder / "local"), recursive=True
    ),
    "pandas.read_parquet": lambda fs, _: pd.read_parquet("myfiles/in/a.parquet", filesystem=fs),
    "pandas.to_parquet": lambda fs, _: FRAME.to_parquet("myfiles/in/new.parquet", filesystem=fs),
    "pyarrow.dataset, two files": lambda fs, _: ds.dataset("myfiles/in", filesystem=fs).to_table(),
    "DuckDB, a pattern of two files": lambda fs, _: (
        duck(fs).sql("select count(*) from 'onedrive://myfiles/in/*.parquet'").fetchall()
    ),
    "shutil.copyfileobj of 12 MB": copied,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_costs_what_the_page_says(
    make_fs: Callable[..., OneDriveFileSystem], onedrive_emulator: Emulator, tmp_path: Path, program: str
) -> None:
    """Requests to Graph and to its storage."""
    drive, fs = onedrive_emulator.drive(), make_fs(listings_expiry_time=600)
    for name in ("a", "c"):
        FRAME.to_parquet(tmp_path / f"{name}.parquet")
        drive.put(f"in/{name}.parquet", (tmp_path / f"{name}.parquet").read_bytes())
    drive.put("large.bin", bytes(12_000_000))
    fs.info("myfiles")  # the token
    with onedrive_emulator.requests.measure() as cost:
        PROGRAMS[program](fs, tmp_path)
    rows = dict(re.findall(r"^\| `(.*?)` \| ([0-9]+) \|$", COSTS, re.MULTILINE))
    assert rows[program] == str(len(cost)), cost


def test_page_has_no_other_programs() -> None:
    """Each row is measured."""
    assert set(dict(re.findall(r"^\| `(.*?)` \| ([0-9]+) \|$", COSTS, re.MULTILINE))) == set(PROGRAMS)


@pytest.mark.usefixtures("onedrive_emulator", "forgotten_filesystems")
def test_examples_of_the_page_run(drive: Any) -> None:
    """All of them, in their order, against the local OneDrive."""
    namespace: dict[str, Any] = {}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/filesystem.md, block {number}", "exec"), namespace)
    assert drive.exists("Reports/amounts 2026.xlsx")


def test_options_of_the_page_are_all() -> None:
    """Each option of a filesystem has its row."""
    options = PAGE.partition("## `storage_options`")[2].partition("\n## ")[0]
    names = {each.name for each in dataclasses.fields(FileSystemOptions)} - {"fields"}
    assert set(re.findall(r"^\| `(\w+)` \|", options, re.MULTILINE)) == names


def test_page_shows_the_error_of_a_run_id(fs: OneDriveFileSystem) -> None:
    """Word by word."""
    with pytest.raises(LocationError) as error:
        fs.open("myfiles/xcom/manual__2026-01-02T03:04:05+00:00/x", "wb")
    assert f"```text\n{error.value}\n```" in PAGE
