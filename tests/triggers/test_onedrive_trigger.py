"""Waiting in the triggerer."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from in_the_triggerer import instance_in_the_triggerer

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault, drop_before, expire_token, status
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    LocationError,
    ServiceUnavailable,
    error_from_dict,
)
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

STORED_BY_VERSION_1: dict[str, Any] = {
    "location": "myfiles/in/",
    "file_pattern": "*.csv",
    "kind": "file",
    "onedrive_conn_id": "onedrive_default",
    "poke_interval": 60.0,
    "deadline": 1767323045.5,
    "version": 1,
}


@pytest.mark.parametrize(("asked", "waits"), [(None, 120), (30, 60), (900, 900), (86400, 3600), (1e9, 3600)])
def test_pause_after_an_error_is_at_most_an_hour(asked: float | None, waits: float) -> None:
    """A trigger that was asked to wait for a day asks again after an hour; it costs one request."""
    trigger = OneDriveFileTrigger(location="myfiles/in/a.csv", poke_interval=60)
    assert trigger.backoff_seconds(ServiceUnavailable("x", status=503, retry_after_seconds=asked), 60) == waits


def wait(*, seconds: float = 20.0, **kwargs: Any) -> dict[str, Any]:
    """Run a trigger to its only event."""
    given: dict[str, Any] = {"location": "myfiles/in/a.csv", "poke_interval": 0.01, "deadline": time.time() + seconds}

    async def events() -> list[dict[str, Any]]:
        return [event.payload async for event in OneDriveFileTrigger(**(given | kwargs)).run()]

    [event] = asyncio.run(events())
    assert json.loads(json.dumps(event)) == event
    return event


def missing_at_first(emulator: Emulator, looks: int = 1) -> None:
    """Let a file appear after so many looks."""
    emulator.faults.add(method="GET", path=r"a\.csv$", times=looks, do=status(404))


def test_a_file_that_is_there(onedrive_emulator: Emulator) -> None:
    """The event carries the item dicts."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    event = wait()
    assert event["status"] == "found"
    assert [(item["location"], item["size"]) for item in event["items"]] == [("myfiles/in/a.csv", 3)]


def test_a_file_that_comes_later(onedrive_emulator: Emulator) -> None:
    """A missing file is looked for again."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    missing_at_first(onedrive_emulator, looks=3)
    assert wait()["status"] == "found"
    assert len(onedrive_emulator.requests.matching(method="GET", path=r"a\.csv$")) == 4


def test_one_client_for_the_whole_wait(onedrive_emulator: Emulator) -> None:
    """Looking again costs no new sign-in."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    missing_at_first(onedrive_emulator, looks=3)
    wait()
    assert len(onedrive_emulator.requests.matching(method="POST", origin="login", path="token$")) == 1


def test_files_in_a_folder(onedrive_emulator: Emulator) -> None:
    """With a pattern all matching files of the folder are found."""
    for name in ("a.csv", "B.CSV", "c.txt"):
        onedrive_emulator.drive().put(f"in/{name}", b"1")
    event = wait(location="myfiles/in", file_pattern="*.csv")
    assert {item["name"] for item in event["items"]} == {"a.csv", "B.CSV"}


def test_the_deadline_ends_the_wait(onedrive_emulator: Emulator) -> None:
    """What does not come until the deadline has not come."""
    assert wait(seconds=0.2) == {"status": "timeout"}


def test_a_poll_is_made_even_after_the_deadline(onedrive_emulator: Emulator) -> None:
    """A triggerer that was restarted too late still sees the file that came in time."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    assert wait(seconds=-60)["status"] == "found"


def test_no_deadline_waits_on(onedrive_emulator: Emulator) -> None:
    """Without a deadline the wait has no end of its own."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    missing_at_first(onedrive_emulator, looks=2)
    assert wait(deadline=None)["status"] == "found"


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_graph_is_left_alone_as_long_as_it_asks(onedrive_emulator: Emulator, code: int) -> None:
    """A Retry-After beyond the client's own patience does not end the wait; there is only the last look."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    fault = onedrive_emulator.faults.add(path="a.csv", times=None, do=status(code, retry_after=301))
    assert wait(seconds=0.5) == {"status": "timeout"}
    assert fault.hits in (1, 2)


def test_waiting_continues_after_an_outage(onedrive_emulator: Emulator) -> None:
    """The client gives up after its attempts; the wait goes on and finds the file."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    fault = onedrive_emulator.faults.add(path="a.csv", times=7, do=status(503, retry_after=0))
    assert wait()["status"] == "found"
    assert fault.hits == 7


def test_waiting_continues_after_a_random_401(onedrive_emulator: Emulator) -> None:
    """Microsoft's "Unable to initialize RPS" is a hiccup, not a refused sign-in."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    onedrive_emulator.faults.add(path="a.csv", times=1, do=status(401, message="Unable to initialize RPS"))
    assert wait()["status"] == "found"


def test_waiting_continues_after_a_dropped_connection(onedrive_emulator: Emulator) -> None:
    """A network that fails says nothing about the file."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    onedrive_emulator.faults.add(path="a.csv", times=1, do=drop_before())
    assert wait()["status"] == "found"


def test_pauses_grow_and_honour_retry_after() -> None:
    """Errors in a row double the pause, up to ten minutes; Graph's own wish comes first."""
    trigger = OneDriveFileTrigger(location="myfiles/a", poke_interval=60)
    busy = {"type": "Throttled", "message": "busy", "status": 429}
    pauses = [trigger._pause_after(error_from_dict(busy), last) for last in (0, 60, 120, 500)]
    assert pauses == [60, 120, 240, 600]
    assert trigger._pause_after(error_from_dict(busy | {"retry_after_seconds": 900}), 0) == 900


def test_a_wrong_drive_ends_the_wait(onedrive_emulator: Emulator, connection: Callable[..., None]) -> None:
    """In a drive that does not exist nothing ever comes; the error survives the trip through the event."""
    connection(myfiles="nobody@contoso.example")
    event = wait()
    assert event["status"] == "error"
    error = error_from_dict(event["error"])
    assert isinstance(error, DriveNotFound)
    assert "myfiles" in str(error)


def test_a_missing_permission_ends_the_wait(onedrive_emulator: Emulator) -> None:
    """403 is said at once, with what Graph said."""
    onedrive_emulator.faults.add(path="a.csv", times=None, do=status(403))
    error = error_from_dict(wait()["error"])
    assert isinstance(error, AccessDenied)
    assert "Cannot wait for myfiles/in/a.csv: Access denied" in str(error)
    assert error.request_id


def test_a_bad_location_ends_the_wait(onedrive_emulator: Emulator) -> None:
    """Nothing is checked when the trigger is made, everything when it runs."""
    assert isinstance(error_from_dict(wait(location="Finance/a.csv")["error"]), LocationError)


def test_what_nobody_expected_becomes_an_event(airflow_db: None) -> None:
    """An exception of any kind reaches the task, and leaves a retry possible."""
    event = wait(onedrive_conn_id="nobody_made_this")
    assert event["status"] == "crashed"
    assert "nobody_made_this" in event["message"]


def test_a_secret_that_is_rotated_under_many(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that share a client go on with what the connection says now; none of them fails."""
    folders, waiting = 10, 200
    drive, known = onedrive_emulator.drive(), json.loads(onedrive_emulator.connection)
    for number in range(folders):
        drive.folder(str(number))

    class Rotates(Fault):
        def before(self, request: Any, context: Any) -> None:
            onedrive_emulator.application.client_secret = "the new secret"
            monkeypatch.setenv("AIRFLOW_CONN_ONEDRIVE_DEFAULT", json.dumps(known | {"password": "the new secret"}))
            drive.put_all({f"{number}/a.csv": b"1" for number in range(folders)})
            expire_token().before(request, context)

    async def first(number: int) -> dict[str, Any]:
        trigger = OneDriveFileTrigger(location=f"myfiles/{number % folders}/", poke_interval=0.1)
        return (await anext(trigger.run())).payload

    async def all_of_them() -> list[dict[str, Any]]:
        return await asyncio.gather(*map(first, range(waiting)))

    onedrive_emulator.faults.add(operation="children", after=2 * folders, times=1, do=Rotates())
    events = asyncio.run(all_of_them())
    assert [event["status"] for event in events] == ["found"] * waiting
    sign_ins = onedrive_emulator.requests.matching(method="POST", origin="login", path="token$")
    assert len(sign_ins) < waiting / 4  # one for each folder and a few, not for each of them


def test_being_cancelled_closes_the_client(onedrive_emulator: Emulator) -> None:
    """A triggerer that stops cancels the wait; no event is made and no connection stays open."""

    async def cancel() -> None:
        trigger = OneDriveFileTrigger(location="myfiles/in/a.csv", poke_interval=60)
        task = asyncio.ensure_future(anext(trigger.run()))
        while not onedrive_emulator.requests.matching(path="a.csv"):  # noqa: ASYNC110 - the emulator is in threads
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())  # an unclosed connection would be a ResourceWarning, and so an error


STORED_SINCE: dict[str, Any] = {
    "regex": None,
    "recursive": False,
    "newer_than": None,
    "min_items": 1,
    "max_items": 1000,
    "min_size": None,
    "stable_for_seconds": None,
    "ignore": ["~$*", "*.tmp", "desktop.ini"],
    "end_from_trigger": False,
}


def test_the_stored_format() -> None:
    """What version 1 stored is loaded, and stored again in the same way."""
    trigger = OneDriveFileTrigger(**STORED_BY_VERSION_1)
    path, kwargs = trigger.serialize()
    assert path == "airflow_provider_onedrive.triggers.onedrive.OneDriveFileTrigger"
    assert kwargs == STORED_BY_VERSION_1 | STORED_SINCE
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert OneDriveFileTrigger(**kwargs).serialize()[1] == kwargs


def test_parameters_of_another_version_are_ignored(
    onedrive_emulator: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A parameter that a later version stored does no harm, and is named in a warning."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    with caplog.at_level(logging.WARNING):
        assert wait(sent_by="anna", version=2)["status"] == "found"
    assert "sent_by" in caplog.text + capfd.readouterr().out  # Airflow 2 logs the one way, Airflow 3 the other


def test_making_a_trigger_never_fails() -> None:
    """An exception in a trigger's constructor would take the whole triggerer down."""
    kwargs: Any = {"location": None, "kind": 7, "file_pattern": [], "poke_interval": "soon", "deadline": "never"}
    assert OneDriveFileTrigger(**kwargs).serialize()[1]["kind"] == 7


def test_an_event_holds_no_secret(onedrive_emulator: Emulator, connection: Callable[..., None]) -> None:
    """A refused sign-in is told without the secret."""
    connection(password="wrong-secret-123")
    event = wait()
    assert event["status"] == "error"
    assert "wrong-secret-123" not in json.dumps(event)


@pytest.mark.parametrize("now", [0.0, 1_000_000_000.25, 1_800_000_007.0])
def test_triggers_of_one_folder_poll_at_the_same_times(now: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever each waits for, and whenever each has begun; another folder has other times."""

    def next_poll(later: float, **kwargs: Any) -> float:
        monkeypatch.setattr(time, "time", lambda: now + later)
        pause = OneDriveFileTrigger(
            **{"location": "myfiles/in/", "poke_interval": 30.0, **kwargs}
        ).until_next_poll_seconds
        assert 0 < pause <= 30
        return round((now + later + pause) % 30, 3)

    times = {next_poll(later) for later in (0, 1, 17.5, 29.9, 4000)}
    times |= {next_poll(3, location="myfiles/in/*.csv"), next_poll(4, file_pattern="a*", location="myfiles/in")}
    assert len(times) == 1
    fifths = [int(next_poll(0, location=f"myfiles/{number}/") // 6) for number in range(50)]
    assert min(fifths.count(fifth) for fifth in range(5)) >= 4  # names that are alike spread as well
    assert OneDriveFileTrigger(location="myfiles/in", poke_interval=0).until_next_poll_seconds == 0


@pytest.mark.airflow3
def test_the_dag_of_a_waiting_task_is_released() -> None:
    """The triggerer reads the whole DAG to render the templates of a task that it starts."""
    with DAG("waits", schedule=None) as dag:
        OneDriveFileSensor(task_id="wait", location="myfiles/{{ run_id }}/", start_from_trigger=True)
    task_instance = instance_in_the_triggerer(dag, "wait", run_id="today")
    context = task_instance.get_template_context()
    trigger = OneDriveFileTrigger(**dag.get_task("wait").start_trigger_args.trigger_kwargs)
    trigger.task_instance = task_instance
    read = weakref.ref(task_instance.task.dag)
    trigger.render_template_fields(context)
    gc.collect()
    assert trigger.location == "myfiles/today/"
    assert read() is None
    assert trigger.task_instance.run_id == context["run_id"]
