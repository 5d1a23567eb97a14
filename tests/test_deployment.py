"""Operators, sensors, triggers, the hook and the commands obey what the section ``[onedrive]`` permits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.get_provider_info import get_provider_info
from airflow_provider_onedrive.graph.config.deployment import PERMISSIONS, POLICY_OPTIONS
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook, deployment_policy
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

Context = Callable[..., Any]
Option = Callable[[str, str], None]


@pytest.fixture
def option(monkeypatch: pytest.MonkeyPatch) -> Option:
    """Set an option of ``[onedrive]``."""
    return lambda name, value: monkeypatch.setenv(f"AIRFLOW__ONEDRIVE__{name.upper()}", value)


def test_options_are_declared_and_permit_nothing() -> None:
    """Airflow shows them, with each permission by its name."""
    info: Any = get_provider_info()
    declared = info["config"]["onedrive"]["options"]
    assert set(POLICY_OPTIONS) <= declared.keys()
    assert all(name in declared["allow"]["description"] for name in PERMISSIONS)
    policy = deployment_policy()
    assert (policy.allow, policy.allowed_tenants, policy.require_allowed_locations, policy.max_delete) == (
        *((), ()),
        *(False, None),
    )


UNUSUAL = [
    ("permanent_delete", "OneDriveDeleteOperator", {"location": "myfiles/a.csv", "permanent": True}),
    ("permanent_delete", "OneDriveDeleteOperator", {"location": "myfiles/*.csv", "permanent": True}),
    (
        "delete_on_hold",
        "OneDriveDeleteOperator",
        {"location": "myfiles/in", "recursive": True, "on_hold": "delete_contents"},
    ),
    ("skip_verify", "OneDriveUploadOperator", {"location": "myfiles/b.csv", "local_path": "a.csv"}),
    ("skip_verify", "OneDriveUploadOperator", {"location": "myfiles/", "local_path": "folder/"}),
    ("skip_verify", "OneDriveUpdateOperator", {"location": "myfiles/a.csv", "local_path": "a.csv"}),
    ("skip_verify", "OneDriveSaveOperator", {"location": "myfiles/a.csv", "content": "b"}),
    ("skip_verify", "OneDriveDownloadOperator", {"location": "myfiles/a.csv", "local_path": "b.csv"}),
    ("skip_verify", "OneDriveDownloadOperator", {"location": "myfiles/a.csv"}),
    ("skip_verify", "OneDriveDownloadOperator", {"location": "myfiles/"}),
]


@pytest.mark.parametrize(("permission", "name", "kwargs"), UNUSUAL)
def test_operator_refuses_before_any_request(
    *,
    onedrive_emulator: Emulator,
    task_context: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    permission: str,
    name: str,
    kwargs: dict[str, Any],
) -> None:
    """A retry would not help, so the task fails for good; not even a listing was asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(b"a")
    unusual = {"verify": False} if permission == "skip_verify" else {}
    operator = getattr(operators, name)(task_id="task", **kwargs, **unusual)
    with pytest.raises(AirflowFailException, match=rf"\[onedrive\] allow is empty.*administrator.*add {permission}"):
        operator.execute(task_context())
    assert onedrive_emulator.requests == []
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.csv"]


@pytest.mark.parametrize("kwargs", [{"location": "myfiles/a.csv"}, {"location": "myfiles/*.csv"}])
def test_operator_does_what_is_allowed(
    onedrive_emulator: Emulator, task_context: Context, option: Option, kwargs: dict[str, Any]
) -> None:
    """The option is read when the task runs."""
    drive = onedrive_emulator.drive()
    drive.put("a.csv", b"a")
    option("allow", "skip_verify, permanent_delete")
    operators.OneDriveDeleteOperator(task_id="task", permanent=True, **kwargs).execute(task_context())
    assert (drive.paths(), drive.recycle_bin) == ([], [])


def test_operator_deletes_no_more_than_the_deployment_allows(
    onedrive_emulator: Emulator, task_context: Context, option: Option
) -> None:
    """Whatever its max_items is."""
    drive = onedrive_emulator.drive()
    drive.put_all({f"in/{name}.csv": b"1" for name in "abc"})
    option("max_delete", "2")
    for kwargs in ({"location": "myfiles/in", "recursive": True}, {"location": "myfiles/in/*"}):
        with pytest.raises(AirflowFailException, match=r"\[onedrive\] max_delete is 2; nothing was deleted"):
            operators.OneDriveDeleteOperator(task_id="task", max_items=1000, **kwargs).execute(task_context())
    assert len(drive.read_all("in")) == 3


LIMITS = [("allowed_tenants", "other.example"), ("require_allowed_locations", "true"), ("max_delete", "many")]


@pytest.mark.parametrize(("name", "value"), LIMITS)
def test_connection_is_refused_everywhere(
    *,
    onedrive_emulator: Emulator,
    task_context: Context,
    option: Option,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    value: str,
) -> None:
    """By hook, operator, sensor, trigger, the form's test, and the commands with each kind of connection."""
    option(name, value)
    message = rf"\[onedrive\] {name}"
    for call in (OneDriveHook().get_conn, lambda: asyncio.run(OneDriveHook().get_async_conn())):
        with pytest.raises(ConfigurationError, match=message):
            call()
    for task in (
        operators.OneDriveListOperator(task_id="task", location="myfiles"),
        OneDriveFileSensor(task_id="wait", location="myfiles/a.csv"),
    ):
        with pytest.raises(AirflowFailException, match=message):
            task.execute(task_context())
    event = asyncio.run(anext(OneDriveFileTrigger(location="myfiles/a.csv", onedrive_conn_id="onedrive_default").run()))
    assert event.payload["status"] == "error"
    assert f"[onedrive] {name}" in json.dumps(event.payload)
    assert OneDriveHook().test_connection()[0] is False
    (tmp_path / "connection.json").write_text(onedrive_emulator.connection)
    for chosen in ((), ("--connection", f"@{tmp_path / 'connection.json'}")):
        assert cli.main(["ls", *chosen, "myfiles"]) == 2
        assert f"[onedrive] {name}" in capsys.readouterr().err
    assert onedrive_emulator.requests == []
