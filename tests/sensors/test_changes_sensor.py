"""The changes sensor: from one run to the next nothing is lost, and a run that is tried again is given the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveSensorError
from airflow_provider_onedrive.state import change_store as changestate

MODES = ("poke", "deferrable")


class VariablesPlayed:
    """Airflow's Variables, as long as a test runs."""

    texts: dict[str, str]

    @classmethod
    def get(cls, key: str, default: Any) -> Any:
        return cls.texts.get(key, default)

    @classmethod
    def set(cls, key: str, value: str, description: str) -> None:
        assert description
        cls.texts[key] = value

    @classmethod
    def delete(cls, key: str) -> None:
        del cls.texts[key]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(VariablesPlayed, "texts", {}, raising=False)
    monkeypatch.setattr(changestate, "Variable", VariablesPlayed)
    return VariablesPlayed.texts


@pytest.fixture
def wait(variables: dict[str, str], task_context: Callable[..., Any]) -> Callable[..., list[str]]:
    """Run the sensor in a DAG run; where it defers, run the trigger and go on with its event, as often as it does."""

    def run(name: str, mode: str = "poke", during: Callable[[], object] = lambda: None, **given: Any) -> list[str]:
        defaults = {"task_id": "wait", "location": "myfiles/in", "poke_interval": 0.01, "timeout": 20}
        sensor = OneDriveChangesSensor(**(defaults | {"deferrable": mode == "deferrable"} | given))
        context = task_context(run_id=name)
        try:
            found = sensor.execute(context)
        except TaskDeferred as deferred:
            found = resumed(sensor, deferred, context, during)
        return sorted(f"{change['change']} {change['path']}" for change in found)

    def resumed(sensor: OneDriveChangesSensor, deferred: TaskDeferred, context: Any, during: Any) -> Any:
        _, kwargs = deferred.trigger.serialize()
        event = asyncio.run(first_event(type(deferred.trigger)(**kwargs), during))
        again = OneDriveChangesSensor(
            **{name: getattr(sensor, name) for name in ("task_id", "location", "timeout", "on_start")}
        )
        again.deferrable, again.poke_interval = True, 0.01
        try:
            return again.resume_execution(deferred.method_name, {"event": event}, context)
        except TaskDeferred as another:
            return resumed(again, another, context, during)

    return run


async def first_event(trigger: Any, during: Callable[[], object]) -> Any:
    asking = asyncio.create_task(anext(trigger.run()))
    await asyncio.sleep(0)
    during()
    return (await asking).payload


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a.csv": b"1", "in/sub/b.csv": b"22"})
    return drive


@pytest.mark.parametrize("mode", MODES)
def test_from_run_to_run(wait: Callable[..., list[str]], drive: Any, mode: str) -> None:
    assert wait("1", mode, on_start="emit_existing") == ["created in/a.csv", "created in/sub/b.csv"]
    drive.put("in/a.csv", b"new")
    drive.delete("in/sub")
    assert wait("2", mode) == ["deleted in/sub/b.csv", "updated in/a.csv"]
    drive.put("in/c.csv", b"1")
    assert wait("3", mode) == ["created in/c.csv"]


def test_what_comes_while_it_is_deferred(wait: Callable[..., list[str]], drive: Any) -> None:
    assert wait("1", "deferrable", lambda: drive.put("in/c.csv", b"1")) == ["created in/c.csv"]
    assert wait("2", "deferrable", lambda: drive.put("in/d.csv", b"1")) == ["created in/d.csv"]


def test_a_worker_that_could_not_begin(wait: Callable[..., list[str]], drive: Any, onedrive_emulator: Emulator) -> None:
    """The triggerer waits until Graph answers, and the worker begins then: nothing is lost that came later."""
    fault = onedrive_emulator.faults.add(method="GET", times=6, do=status(503, retry_after=0))
    assert wait("1", "deferrable", on_start="emit_existing") == ["created in/a.csv", "created in/sub/b.csv"]
    assert fault.hits == 6
    drive.put("in/c.csv", b"1")
    assert wait("2", "deferrable") == ["created in/c.csv"]


def test_changes_of_another_run_wake_nobody(wait: Callable[..., list[str]], drive: Any) -> None:
    """It stays in the queue until a run asks for more, and is not taken for new."""
    wait("1", on_start="emit_existing")
    with pytest.raises(AirflowSensorTimeout):
        wait("2", "deferrable", timeout=0.3)
    drive.put("in/c.csv", b"1")
    assert wait("3", "deferrable") == ["created in/c.csv"]


@pytest.mark.parametrize("mode", MODES)
def test_another_try_gets_the_same_changes(wait: Callable[..., list[str]], drive: Any, mode: str) -> None:
    """Whatever has happened meanwhile is for the next run."""
    given = wait("1", mode, on_start="emit_existing")
    drive.put("in/c.csv", b"1")
    assert wait("1", mode) == given
    assert wait("2", mode) == ["created in/c.csv"]


def test_more_than_one_run_is_to_have(wait: Callable[..., list[str]], drive: Any) -> None:
    """What is left over is for the runs after it, in order, before anything newer."""
    drive.put_all({f"in/{number}.csv": b"1" for number in range(5)})
    runs = [wait("1", on_start="emit_existing", max_changes=3)]
    drive.put("in/late.csv", b"1")
    runs += [wait(number, max_changes=3) for number in ("2", "3", "4")]
    assert [len(each) for each in runs] == [3, 3, 1, 1]
    there = ("a.csv", "sub/b.csv", *(f"{number}.csv" for number in range(5)))
    assert {change for each in runs[:3] for change in each} == {f"created in/{name}" for name in there}
    assert runs[3] == ["created in/late.csv"]


def test_the_timeout(wait: Callable[..., list[str]], drive: Any) -> None:
    with pytest.raises(AirflowSensorTimeout):
        wait("1", timeout=0.1)
    with pytest.raises(AirflowSensorTimeout, match="changes in myfiles/in"):
        wait("1", "deferrable", timeout=0.1)
    with pytest.raises(AirflowSkipException):
        wait("2", timeout=0.1, soft_fail=True)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"events": ["vanished"]}, "events is"),
        ({"events": "created"}, "events is"),
        ({"on_start": "later"}, "on_start is 'later'.* or 'ignore', or 'emit_existing'"),
        ({"on_start": "1h"}, "on_start is '1h'.* Did you mean PT1H"),
        ({"full_every": "1d"}, "full_every is '1d'.* Did you mean P1D"),
        ({"full_every": "P1M"}, "full_every is 'P1M'"),
        ({"regex": "("}, "regex"),
        ({"kind": "link"}, "kind is"),
        ({"location": "Finance"}, "myfiles/Finance"),
        ({"location": "myfiles/in/a.csv"}, "a.csv"),
    ],
)
def test_what_waiting_cannot_help(
    wait: Callable[..., list[str]], drive: Any, mode: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(OneDriveSensorError, match=message):
        wait("1", mode, **given)


def test_in_airflow(run_dag: Any, drive: Any) -> None:
    """With real Variables, from one DAG run to the next."""
    found = []
    for number in range(2):
        with DAG("changes", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            OneDriveChangesSensor(
                task_id="wait",
                location="myfiles/in",
                on_start="emit_existing",
                full_every=timedelta(hours=1),
                poke_interval=0.1,
                timeout=HANG_SECONDS,
            )
        run = run_dag(dag)
        assert str(run.state) == "success"
        (ti,) = run.get_task_instances()
        found.append([change["path"] for change in ti.xcom_pull(task_ids="wait")])
        drive.put(f"in/new{number}.csv", b"1")
    assert [sorted(each) for each in found] == [["in/a.csv", "in/sub/b.csv"], ["in/new0.csv"]]
