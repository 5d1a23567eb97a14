"""The files that pin what is installed."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "constraints").glob("*.txt"))
LINE = re.compile(r"[a-z0-9-]+==[A-Za-z0-9.!+]+( ; [^#@]+)?")


def requirements(file: Path) -> list[Requirement]:
    return [Requirement(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lines_are_names_and_versions(file: Path) -> None:
    """No address, no hash and no comment: the file is right with any package index."""
    lines = file.read_text().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_name_is_pinned_once_for_each_python(file: Path) -> None:
    """Where a package stands twice, the markers tell the lines apart."""
    for python in ("3.11.0", "3.12.0", "3.13.0"):
        environment = {"python_version": python[:4], "python_full_version": python}
        names = [one.name for one in requirements(file) if one.marker is None or one.marker.evaluate(environment)]
        assert len(names) == len(set(names))


def test_what_is_installed_is_what_is_pinned() -> None:
    """This environment was made from the file of its Airflow line, and nobody changed it by hand."""
    (file,) = (file for file in FILES if version("apache-airflow").startswith(file.stem.removeprefix("airflow-") + "."))
    pinned = {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in requirements(file)
        if one.marker is None or one.marker.evaluate()
    }
    assert {
        name: installed for name in pinned if (installed := installed_version(name)) not in (None, pinned[name])
    } == {}


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None  # for another system
