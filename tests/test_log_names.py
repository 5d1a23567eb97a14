"""Where a deployment wants no names in its log, no operator, sensor, trigger or hook shows one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow_support import AIRFLOW_3
from product import classes_below
from secret_names import FILE, FILES, FOLDER, LOCAL, NEW, OTHER, NameWatch, shown_by

from airflow_provider_onedrive.compat import BaseOperator, BaseTrigger
from airflow_provider_onedrive.decorators.onedrive import DecoratedOneDriveFileSensor
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import refuse, status
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import (
    OneDriveChangesTrigger,
    OneDriveCopyTrigger,
    OneDriveFileTrigger,
    OneDrivePauseTrigger,
)

AT = f"myfiles/{FOLDER}"
OPERATORS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "upload": (operators.OneDriveUploadOperator, {"local_path": f"{{tmp}}/{LOCAL}", "location": f"{AT}/"}),
    "upload many": (operators.OneDriveUploadOperator, {"local_path": "{tmp}/*.csv", "location": f"{AT}/"}),
    "update": (operators.OneDriveUpdateOperator, {"local_path": f"{{tmp}}/{LOCAL}", "location": f"{AT}/{FILE}"}),
    "save": (operators.OneDriveSaveOperator, {"content": "x", "location": f"{AT}/{NEW}"}),
    "list": (operators.OneDriveListOperator, {"location": f"{AT}/"}),
    "download": (
        operators.OneDriveDownloadOperator,
        {"location": f"{AT}/{FILE}", "local_path": f"{{tmp}}/down/{LOCAL}"},
    ),
    "download many": (
        operators.OneDriveDownloadOperator,
        {"location": f"{AT}/", "local_path": "{tmp}/down/", "recursive": True},
    ),
    "create folder": (operators.OneDriveCreateFolderOperator, {"location": f"{AT}/{NEW} folder"}),
    "folder sync": (operators.OneDriveFolderSyncOperator, {"location": AT, "manifest": f"{{tmp}}/{LOCAL}.json"}),
    "file sensor": (OneDriveFileSensor, {"location": f"{AT}/{FILE}", "timeout": 0.01, "deferrable": False}),
    "file sensor in the triggerer": (
        OneDriveFileSensor,
        {"location": f"{AT}/{NEW}x", "timeout": 60, "deferrable": True},
    ),
    "decorated sensor": (
        DecoratedOneDriveFileSensor,
        {"location": f"{AT}/{FILE}", "timeout": 0.01, "python_callable": len},
    ),
    "changes sensor": (
        OneDriveChangesSensor,
        {"location": f"{AT}/", "timeout": 0.01, "deferrable": False, "on_start": "emit_existing"},
    ),
    "copy": (operators.OneDriveCopyOperator, {"location": f"{AT}/{FILE}", "destination": f"{AT}/copied {NEW}"}),
    # At the end, because what they name is then gone.
    "move": (operators.OneDriveMoveOperator, {"location": f"{AT}/{FILE}", "destination": f"{AT}/moved {NEW}"}),
    "delete": (operators.OneDriveDeleteOperator, {"location": f"{AT}/{OTHER}"}),
}
MISTAKES: dict[str, Callable[[Any], Any]] = {
    "right": lambda text: text,
    "a typing error": lambda text: text.replace("Vault", "Vualt").replace("Ledger", "Legder"),
    "no root": lambda text: text.removeprefix("myfiles/"),
    "not allowed": lambda text: f"{text}|{NEW}",
    "a pattern": lambda text: f"{text}/*{NEW}",
    "below a file": lambda text: f"{text}/{FILE}/{OTHER}",
    "no template": lambda text: f"{text}//{NEW}",
    "a list": lambda text: [text],
    "a dict": lambda text: {"location": text},
}
FAULTS = {
    "denied": status(403, message=f"No access to '{OTHER}'"),
    "missing": status(404),
    "away": status(503),
    "locked": status(423, message=f"The file '{OTHER}' is locked"),
    "hold": refuse("hold"),
}
NAMING = ("location", "destination", "local_path", "manifest", "file_name", "file_pattern", "regex", "exclude")


@pytest.fixture(autouse=True)
def _ids_only(monkeypatch: pytest.MonkeyPatch, onedrive_emulator: Emulator, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__LOG_NAMES", "ids")
    onedrive_emulator.drive().put_all(FILES)
    (tmp_path / LOCAL).write_bytes(b"a")
    (tmp_path / "down").mkdir()


def tasks_of(name: str, tmp: Path) -> dict[str, Callable[[], Any]]:
    """Return every mistake in one operator's parameters: by its name, and a function that makes the task."""
    kind, given = OPERATORS[name]
    right = {key: each.replace("{tmp}", str(tmp)) if isinstance(each, str) else each for key, each in given.items()}
    made: dict[str, Callable[[], Any]] = {}
    for parameter in filter(right.__contains__, NAMING):
        for mistake, change in MISTAKES.items():
            kwargs = right | {parameter: change(right[parameter])}
            made[f"{parameter}, {mistake}"] = lambda kwargs=kwargs: kind(task_id="task", **kwargs)
    for parameter in ("file_name", "file_pattern", "regex", "exclude"):
        if parameter in kind.template_fields:
            made[parameter] = lambda parameter=parameter: kind(task_id="task", **right | {parameter: f"[{NEW}"})
    return made


@pytest.mark.usefixtures("airflow_db")  # where Airflow 2 keeps the Variable that a sensor names
@pytest.mark.parametrize("name", OPERATORS)
def test_no_error_of_a_task_shows_a_name(
    name_watch: NameWatch, task_context: Callable[..., Any], share: Any, tmp_path: Path, name: str
) -> None:
    """Nor its log, its fields and its causes; for any parameter and mistake, and if there is none."""
    for what, make in share(list(OPERATORS).index(name), tasks_of(name, tmp_path).items()):
        text = ""
        try:
            make().execute(task_context())
        except BaseException as error:  # noqa: BLE001 - whatever it is, also a deferral
            text = shown_by(error) if isinstance(error, Exception) else ""
        name_watch.check(f"{name}: {what}", text)


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("name", OPERATORS)
def test_no_refused_task_shows_a_name(
    name_watch: NameWatch,
    task_context: Callable[..., Any],
    tmp_path: Path,
    onedrive_emulator: Emulator,
    name: str,
) -> None:
    """Where Graph refuses or fails, and quotes another name."""
    make = tasks_of(name, tmp_path)["location, right"]
    for fault_name, fault in FAULTS.items():
        onedrive_emulator.faults.add(path="/v1.0/", times=4, do=fault)
        text = ""
        try:
            make().execute(task_context())
        except BaseException as error:  # noqa: BLE001 - as above
            text = shown_by(error) if isinstance(error, Exception) else ""
        name_watch.check(f"{name}: {fault_name}", text)
        onedrive_emulator.faults.clear()


@pytest.mark.airflow3
@pytest.mark.parametrize("name", OPERATORS)
def test_no_log_of_a_task_shows_a_name(
    name_watch: NameWatch, run_task: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    """As Airflow 3's task runner writes it, with the tracebacks of the task's errors."""
    tasks = tasks_of(name, tmp_path)
    for what in ("location, right", "location, a typing error"):
        task = tasks[what]()
        task.dag = DAG("dag", schedule=None)
        end = run_task(task)
        name_watch.check(f"{name}: {what}", shown_by(end.error))


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3's own task runner does it above")
@pytest.mark.parametrize("name", OPERATORS)
def test_no_dag_run_shows_a_name(name_watch: NameWatch, run_dag: Callable[..., Any], tmp_path: Path, name: str) -> None:
    """In Airflow 2."""
    with DAG(f"names_{name.replace(' ', '_')}", schedule=None):
        task = tasks_of(name, tmp_path)["location, a typing error"]()
    run_dag(task.dag)
    name_watch.check(name)


TRIGGERS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "files": (OneDriveFileTrigger, {"location": f"{AT}/{NEW}", "deadline": 1.0}),
    "a file that cannot be": (OneDriveFileTrigger, {"location": f"{AT}/{NEW}|", "deadline": 1.0}),
    "changes": (OneDriveChangesTrigger, {"location": f"{AT}/", "deadline": 1.0, "once": True}),
    "changes of nothing": (OneDriveChangesTrigger, {"location": f"{AT}//{NEW}", "deadline": 1.0, "once": True}),
    "copy": (OneDriveCopyTrigger, {"monitor": "", "copy": {}, "shown": f"{AT}/{NEW}"}),
    "pause": (OneDrivePauseTrigger, {"until": 0.0}),
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_no_trigger_shows_a_name(name_watch: NameWatch, name: str) -> None:
    """Not in the triggerer's log, in the error of its event, or in its representation."""
    kind, given = TRIGGERS[name]

    async def first_event(trigger: Any) -> Any:
        with suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(30):
                return (await anext(trigger.run())).payload

    trigger = kind(**given)
    shown = repr(trigger)
    payload = asyncio.run(first_event(trigger)) or {}
    name_watch.check(name, shown, payload.get("error", ""), payload.get("message", ""))


def test_hook_shows_no_name(name_watch: NameWatch) -> None:
    with OneDriveHook().get_conn() as client, pytest.raises(OneDriveError) as caught:
        client.stat(f"{AT}/{NEW}")
    name_watch.check("hook", shown_by(caught.value))
    assert "Cannot" in name_watch.seen


def test_every_class_is_tried() -> None:
    """Whoever adds one has to add it here."""
    assert {kind for kind, _ in OPERATORS.values()} == classes_below(BaseOperator)
    assert {kind for kind, _ in TRIGGERS.values()} == classes_below(BaseTrigger)
