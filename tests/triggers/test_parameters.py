"""The parameters of waiting: declared and described once, and visible where Airflow and editors look for them."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, task

import airflow_provider_onedrive
from airflow_provider_onedrive.decorators.onedrive import DecoratedOneDriveFileSensor
from airflow_provider_onedrive.sensors.base import OneDriveSensor
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger, OneDriveFileTrigger
from airflow_provider_onedrive.triggers.parameters import ChangeParameters, FileParameters, names_of

ROOT = Path(airflow_provider_onedrive.__file__).parent
FILES = sorted(path for name in ("sensors", "triggers", "decorators") for path in (ROOT / name).glob("*.py"))
# Declared twice: the default of each is its own, or it belongs to two kinds of waiting.
OWN_DEFAULT = {"location", "recursive", "max_changes", "onedrive_conn_id"}
WAITING = {
    OneDriveFileSensor: (FileParameters, {"stable_for", "check_fn", "start_from_trigger", "deferrable"}),
    OneDriveChangesSensor: (ChangeParameters, {"max_changes", "deferrable"}),
    OneDriveFileTrigger: (FileParameters, {"stable_for_seconds", "poke_interval", "deadline"}),
    OneDriveChangesTrigger: (
        ChangeParameters,
        {"max_changes", "asset_name", "once", "poke_interval", "deadline"},
    ),
}


def constructors() -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield from (
                    (node, each) for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
                )


def test_each_parameter_is_declared_and_described_once() -> None:
    """And the class that declares a parameter is the one that describes it."""
    declared, described = Counter[str](), Counter[str]()
    for owner, constructor in constructors():
        if owner.name.startswith("_"):
            continue
        names = {each.arg for each in constructor.args.kwonlyargs}
        text = ast.get_docstring(owner) or ""
        found = set(re.findall(r"^:param (\w+):", text, re.MULTILINE))
        assert found - {"unknown"} == names - {"task_id"}, owner.name
        declared.update(names)
        described.update(found)
    assert {name for name, count in declared.items() if count > 1} == OWN_DEFAULT
    assert {name for name, count in described.items() if count > 1} == OWN_DEFAULT


@pytest.mark.parametrize("waiting", WAITING, ids=lambda each: each.__name__)
def test_signatures_show_every_parameter(waiting: type) -> None:
    """As an editor, help() and Airflow read them: with their defaults, ``location`` first."""
    mixin, own = WAITING[waiting]
    parameters = inspect.signature(waiting).parameters
    assert {name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY} == {*names_of(mixin), *own}
    defaults = inspect.signature(mixin).parameters
    assert all(parameters[name].default == defaults[name].default for name in names_of(mixin))
    assert [name for name, each in parameters.items() if each.default is each.empty] == ["location", "kwargs"]


@pytest.mark.parametrize("sensor", [OneDriveFileSensor, OneDriveChangesSensor], ids=lambda each: each.__name__)
def test_every_parameter_may_be_partial_or_expanded(sensor: Any) -> None:
    """Mapped tasks take each name, and refuse others when the DAG is read."""
    names = [*names_of(WAITING[sensor][0]), *WAITING[sensor][1]]
    with DAG("mapped", schedule=None) as dag:
        for name in names:
            given = {} if name == "location" else {"location": "myfiles/in"}
            sensor.partial(task_id=f"expand_{name}", **given).expand(**{name: [None, None]})
            sensor.partial(task_id=f"partial_{name}", **{name: None}).expand(poke_interval=[1, 2])
        with pytest.raises(TypeError, match="file_patern"):
            sensor.partial(task_id="wrong", file_patern="*")
        with pytest.raises((TypeError, AirflowException), match="missing keyword argument 'location'"):
            sensor(task_id="missing")
    assert len(dag.tasks) >= 2 * len(names)


@pytest.mark.parametrize("sensor", [OneDriveFileSensor, OneDriveChangesSensor], ids=lambda each: each.__name__)
def test_default_args_reach_every_parameter(sensor: Any) -> None:
    defaults = {"file_pattern": "*.csv", "recursive": None, "onedrive_conn_id": "other", "deferrable": True}
    with DAG("defaults", schedule=None, default_args=defaults):
        waiting = sensor(task_id="wait", location="myfiles/in")
    assert {name: getattr(waiting, name) for name in defaults} == defaults


def test_the_decorator_maps_over_parameters() -> None:
    with DAG("decorated", schedule=None) as dag:

        @task.onedrive_sensor(location="myfiles/in", recursive=True)
        def all_have_come(files: list[Any], region: str) -> bool:
            return bool(files and region)

        all_have_come.expand(region=["north", "south"])
    [mapped] = dag.tasks
    assert mapped.partial_kwargs["recursive"] is True
    assert issubclass(DecoratedOneDriveFileSensor, FileParameters)


def test_a_mapped_sensor_is_made_from_its_parameters() -> None:
    with DAG("unmapped", schedule=None):
        mapped = OneDriveFileSensor.partial(task_id="wait", recursive=True).expand(location=["myfiles/in", "myfiles/b"])
    waiting = mapped.unmap({"location": "myfiles/b"})
    assert (waiting.location, waiting.recursive, waiting.kind) == ("myfiles/b", True, "file")
    assert isinstance(waiting, OneDriveSensor)
