"""Every template field of every operator and sensor, in a DAG that renders its templates natively."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from airflow_support import AIRFLOW_3
from product import classes_below, passed_on_by

from airflow_provider_onedrive.compat import BaseOperator
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.operators.rendering import COUNTS
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

Context = Callable[..., Any]
CLASSES = sorted(classes_below(BaseOperator), key=lambda kind: kind.__name__)
# What a field needs beside itself, to be looked at.
GIVEN: dict[str, Any] = {
    "location": "myfiles/in/",
    "destination": "myfiles/to/",
    "local_path": "/nowhere/a.csv",
    "manifest": "/nowhere/manifest",
    "content": None,
    "python_callable": bool,
    "timeout": 0.01,
    "deferrable": False,
}
NOT_TEXTS = {"op_args", "op_kwargs"}
TEXTS = [
    '"{0A1B},3"',
    "'a'",
    "2026",
    "007",
    "1e5",
    "1.50",
    "0x1F",
    "1_000",
    "True",
    "None",
    "1,2",
    "(1)",
    "{1}",
    "b'a'",
]
"""Texts that Python reads as something else."""
OBJECTS = [["a", 1], {"a": 1}, 1, 1.5, True, None, (), b"a"]
"""What one expression may yield."""

PLAIN = {
    # For good, or because what is named is not there, or a sensor's time is over.
    *("AirflowFailException", "OneDriveSensorError", "AirflowSensorTimeout", "AirflowNotFoundException"),
    *("ItemNotFound", "SourceMissing", "FilesFailed", "FilesRefused", "PreconditionFailed", "BadRequest"),
    *("ConfigurationError", "LocationError", "LocalFileError", "NameAlreadyExists", "FolderNotEmpty"),
    "DriveNotFound",  # of an earlier test, which Airflow 2 keeps in a Variable
    # Outside of a task run Airflow 3 has no Variables, where the sensor of changes looks once all is right.
    *(("ImportError",) if AIRFLOW_3 else ()),
}


def fields(kind: Any) -> list[str]:
    return sorted(set(kind.template_fields) - NOT_TEXTS)


def made(kind: Any, **changes: Any) -> Any:
    takes = passed_on_by(kind) | ({"timeout", "deferrable"} if hasattr(kind, "poke") else set())
    given = {name: value for name, value in GIVEN.items() if name in takes}
    with DAG("dag", schedule=None, render_template_as_native_obj=True):
        return kind(task_id="task", **(given | changes))


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path such as ``1`` lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "documents"))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_text_stays_as_it_is(kind: Any) -> None:
    """In every field, whether an expression yields all of it or a part."""
    task = made(kind)
    environment = task.get_template_env()
    for text in TEXTS:
        half = len(text) // 2
        params = {"text": text, "start": text[:half], "end": text[half:]}
        written = text.replace("{", "{{ '{' }}")
        for template in ("{{ params.text }}", "{{ params.start }}{{ params.end }}", written):
            for field in fields(kind):
                setattr(task, field, template)
            task.render_template_fields({"params": params}, environment)
            assert {field: getattr(task, field) for field in fields(kind)} == dict.fromkeys(fields(kind), text), (
                template
            )


def test_every_number_is_read() -> None:
    """A parameter whose default is a whole number is one of those that are read."""
    from inspect import signature  # noqa: PLC0415 - only here

    for kind in CLASSES:
        defaults = {name: each.default for name, each in signature(kind.__init__).parameters.items()}
        numbers = {name for name in passed_on_by(kind) if type(defaults.get(name)) is int}
        assert numbers <= set(COUNTS)


def test_etag_of_an_earlier_task_matches(onedrive_emulator: Emulator, task_context: Context, tmp_path: Path) -> None:
    """Its quotation marks are a part of it."""
    drive = onedrive_emulator.drive()
    drive.put("a.csv", b"a")
    (tmp_path / "a.csv").write_bytes(b"b")
    etag = drive.item("a.csv")["eTag"]
    assert etag.startswith('"')
    task = made(
        operators.OneDriveUpdateOperator,
        local_path=str(tmp_path / "a.csv"),
        location="myfiles/a.csv",
        expected_etag="{{ params.etag }}",
    )
    task.render_template_fields({"params": {"etag": etag}}, task.get_template_env())
    task.execute(task_context())
    assert drive.read("a.csv") == b"b"


@pytest.mark.airflow3
def test_pattern_of_digits_in_the_task_runner(onedrive_emulator: Emulator, run_task: Callable[..., Any]) -> None:
    """Airflow's own rendering, with the DAG's own environment."""
    onedrive_emulator.drive().put_all({"in/007": b"a", "in/7": b"b"})
    task = made(operators.OneDriveListOperator, file_pattern="{{ params.name }}", params={"name": "007"})
    end = run_task(task)
    assert [item["name"] for item in end.result] == ["007"]


def test_pattern_of_digits_in_a_dag(onedrive_emulator: Emulator, run_dag: Callable[..., Any]) -> None:
    """On both lines of Airflow; a list stays a list."""
    onedrive_emulator.drive().put_all({"in/007": b"a", "in/7": b"b", "in/1e5": b"c"})
    params = {"name": "007", "out": ["1e5", "7"]}
    with DAG("native", schedule=None, render_template_as_native_obj=True, params=params) as dag:
        for name, given in {
            "digits": {"file_pattern": "{{ params.name }}"},
            "list": {"exclude": "{{ params.out }}"},
        }.items():
            operators.OneDriveListOperator(task_id=name, location="myfiles/in/", **given)
    run = run_dag(dag)
    states = {(each.task_id, str(each.state)) for each in run.get_task_instances()}
    assert states == {("digits", "success"), ("list", "success")}


def test_wrong_number_of_a_sensor_is_no_wait(onedrive_emulator: Emulator, task_context: Context) -> None:
    onedrive_emulator.drive().put("a.csv", b"a")
    with pytest.raises(AirflowFailException, match="min_items is 'three'"):
        OneDriveFileSensor(task_id="task", location="myfiles/a.csv", min_items="three").execute(task_context())
    assert OneDriveFileSensor(task_id="task", location="myfiles/a.csv", min_items="1").execute(task_context())


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("airflow_db")  # where Airflow 2 keeps Variables
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_an_expression_yields_is_used_or_refused_for_good(
    onedrive_emulator: Emulator, task_context: Context, share: Any, kind: Any
) -> None:
    """Neither a TypeError nor any other error that Airflow would retry in vain."""
    onedrive_emulator.drive().put_all({"in/a.csv": b"a", "to/": None})
    for number, field in enumerate(fields(kind)):
        # A number is the name of a connection like any other, and whether there is one is not the question here.
        values = [value for value in OBJECTS if field != "onedrive_conn_id" or not is_number(value)]
        for value in share(number, values):
            task = made(kind)
            setattr(task, field, "{{ params.value }}")
            task.render_template_fields({"params": {"value": value}}, task.get_template_env())
            assert getattr(task, field) == (str(value) if is_number(value) else value)
            refused = refusal_of(task, task_context())
            assert kinds_of(refused) <= PLAIN, f"{field}={value!r}: {refused!r}"


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def refusal_of(task: Any, context: Any) -> Exception | None:
    try:
        task.execute(context)
    except Exception as error:  # noqa: BLE001 - its kind is what is looked at
        return error
    return None


def kinds_of(error: BaseException | None) -> set[str]:
    """Name an error and its cause."""
    return {type(each).__name__ for each in (error, getattr(error, "__cause__", None)) if each is not None}


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_number_may_be_a_text(onedrive_emulator: Emulator, task_context: Context, kind: Any) -> None:
    """As one task hands it to another; what is no number ends the task for good."""
    onedrive_emulator.drive().put_all({"in/a.csv": b"a", "to/": None})
    for name in sorted(set(vars(made(kind))) & set(COUNTS)):
        for value in ("3", 3.0, "three", [3], True, 2.5):
            task = made(kind)
            setattr(task, name, value)
            refused = refusal_of(task, task_context())
            assert kinds_of(refused) <= PLAIN, f"{name}={value!r}: {refused!r}"
            if value in ("3", 3.0):
                assert getattr(task, name) == 3
            else:
                assert name in str(refused)
