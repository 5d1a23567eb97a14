"""The files that pin what is installed."""

from __future__ import annotations

import re
import tomllib
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


def test_installed_versions_are_the_pinned_ones() -> None:
    """This environment was made from its own file, and nobody changed it by hand."""
    pinned = {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in requirements(file_of_this_environment())
        if one.marker is None or one.marker.evaluate()
    }
    assert {
        name: installed for name in pinned if (installed := installed_version(name)) not in (None, pinned[name])
    } == {}


def file_of_this_environment() -> Path:
    line = ".".join((installed_version("apache-airflow") or "").split(".")[:2])
    return ROOT / "constraints" / (f"airflow-{line}.txt" if line else "graph.txt")


def test_graph_environment_has_all_dependencies_but_airflow() -> None:
    """Its list is the package's own, and it gets the versions that Airflow's environment has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    needed = {Requirement(line).name for line in [*project["dependencies"], *extras]}
    listed = {line for line in (ROOT / "constraints/graph.in").read_text().splitlines() if not line.startswith("#")}
    assert listed == {name for name in needed if not name.startswith("apache-airflow")}
    airflow = {str(one) for one in requirements(ROOT / "constraints/airflow-3.3.txt")}
    assert {str(one) for one in requirements(ROOT / "constraints/graph.txt") if one.marker is None} <= airflow


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None  # for another system
