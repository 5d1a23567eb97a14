"""The file sensor: poke, reschedule and deferrable give the same answers and the same errors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_onedrive.compat import TaskSuccessEvent
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault, answer, expire_token, status
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied, DriveNotFound, LocationError, OneDriveError
from airflow_provider_onedrive.operators.onedrive import OneDriveListOperator
from airflow_provider_onedrive.sensors import onedrive as sensors
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor, OneDriveSensorError
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

Context = Callable[..., Any]
MODES = ("poke", "deferrable")
CONNECTION = "AIRFLOW_CONN_ONEDRIVE_DEFAULT"
TIMEOUTS = ("Trigger timeout", "Trigger/execution timeout")


def sensor(mode: str = "poke", **kwargs: Any) -> OneDriveFileSensor:
    defaults: dict[str, Any] = {"task_id": "wait", "location": "myfiles/in/a.csv", "poke_interval": 0.01, "timeout": 20}
    ways = {"mode": mode} if mode == "reschedule" else {"deferrable": mode == "deferrable"}
    return OneDriveFileSensor(**(defaults | ways | kwargs))


def run(waiting: OneDriveFileSensor, context: Any) -> Any:
    """Run a sensor as Airflow does: where it defers, run the trigger and go on with its event."""
    try:
        return waiting.execute(context)
    except TaskDeferred as deferred:
        path, kwargs = deferred.trigger.serialize()
        assert path.endswith("OneDriveFileTrigger")
        event = asyncio.run(first_event(type(deferred.trigger)(**kwargs)))
        return waiting.resume_execution(deferred.method_name, {"event": event}, context)


async def first_event(trigger: Any) -> Any:
    return (await anext(trigger.run())).payload


def come_later(emulator: Emulator, looks: int = 2) -> None:
    """Put a file that is seen only after so many looks."""
    emulator.drive().put("in/a.csv", b"1,2")
    emulator.faults.add(method="GET", path=r"a\.csv$", times=looks, do=status(404))


@pytest.mark.parametrize("mode", [*MODES, "reschedule"])
def test_a_file_that_is_there(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """The first look is made on the worker, in every mode, and gives the list of item dicts."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    looked = sensor(mode).poke(task_context())
    found = looked.xcom_value if mode == "reschedule" else sensor(mode).execute(task_context())
    assert found is not None
    assert [(item["location"], item["size"]) for item in found] == [("myfiles/in/a.csv", 3)]


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_comes_later(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """What is missing is waited for."""
    come_later(onedrive_emulator)
    [item] = run(sensor(mode), task_context())
    assert item["name"] == "a.csv"


def test_pokes_share_a_client(onedrive_emulator: Emulator, task_context: Context) -> None:
    """A sensor that pokes for a week signs in when a token ends, not at every poke."""
    come_later(onedrive_emulator, looks=3)
    run(sensor(), task_context())
    assert len(onedrive_emulator.requests.matching(method="GET", path=r"a\.csv$")) == 4
    assert len(onedrive_emulator.requests.matching(method="POST", origin="login", path="token$")) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("kwargs", "names"),
    [
        ({"location": "myfiles/in/"}, {"a.csv", "b.txt"}),
        ({"location": "myfiles/in", "file_pattern": "*.CSV"}, {"a.csv"}),
        ({"location": "myfiles/in/", "kind": "folder"}, {"sub"}),
        ({"location": "myfiles/in", "kind": "folder"}, {"in"}),
        ({"location": "myfiles/in/", "kind": "any"}, {"a.csv", "b.txt", "sub"}),
    ],
)
def test_what_is_waited_for(
    onedrive_emulator: Emulator, task_context: Context, mode: str, kwargs: dict[str, Any], names: set[str]
) -> None:
    """A location alone is one item; with a trailing ``/`` or a pattern it is what matches in the folder."""
    for path in ("in/a.csv", "in/b.txt", "in/sub/c.csv"):
        onedrive_emulator.drive().put(path, b"1")
    onedrive_emulator.faults.add(method="GET", path="/in", times=1, do=status(404))
    assert {item["name"] for item in run(sensor(mode, **kwargs), task_context())} == names


def test_an_item_dict_is_a_location(onedrive_emulator: Emulator, task_context: Context) -> None:
    """What list returns can be waited on."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    [item] = OneDriveListOperator(task_id="list", location="myfiles/in").execute(task_context())
    [found] = run(sensor(location=item), task_context())
    assert (found["location"], found["id"]) == (item["location"], item["id"])


PERMANENT = [
    ({"myfiles": "nobody@contoso.example"}, {}, DriveNotFound, "myfiles"),
    ({"password": "wrong-secret"}, {}, OneDriveError, "secret"),
    ({"myfiles": None}, {}, OneDriveError, "Put a user"),
    ({"graph_url": "https://evil.example"}, {}, OneDriveError, "not trusted"),
    ({}, {"location": "Finance/a.csv"}, LocationError, "Did you mean"),
    ({}, {"location": ""}, LocationError, "location is empty"),
    ({}, {"location": None}, LocationError, "location is text or an item dict"),
    ({}, {"location": "myfiles/in"}, LocationError, "End the location with '/'"),
    ({}, {"location": "myfiles/in/there.txt", "kind": "folder"}, LocationError, "waits for a folder"),
    ({}, {"location": "myfiles/in/there.txt/"}, OneDriveError, "folder"),
    ({}, {"file_pattern": ""}, OneDriveError, "file_pattern is empty"),
    ({}, {"kind": "files"}, OneDriveError, "kind is 'files'"),
    ({}, {"newer_than": "1h"}, OneDriveError, "newer_than is '1h'.* Did you mean PT1H"),
    ({}, {"stable_for": "2m"}, OneDriveError, "stable_for is '2m'.* Did you mean PT2M"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("fields", "kwargs", "cause", "message"), PERMANENT)
def test_what_waiting_cannot_help_fails_at_once(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    connection: Callable[..., None],
    task_context: Context,
    fields: dict[str, Any],
    kwargs: dict[str, Any],
    cause: type[OneDriveError],
    message: str,
    mode: str,
) -> None:
    """The first look fails on the worker, with the error's whole text and without useless retries, in every mode."""
    onedrive_emulator.drive().put("in/there.txt", b"1")
    connection(**fields)
    with pytest.raises(OneDriveSensorError, match=message) as caught:
        sensor(mode, **kwargs).execute(task_context())
    assert isinstance(caught.value, AirflowFailException)
    assert isinstance(caught.value.__cause__, cause)
    assert str(caught.value) == str(caught.value.__cause__)
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_a_missing_connection_fails_at_once(airflow_db: None, task_context: Context, mode: str) -> None:
    """A connection that nobody made is not waited for."""
    with pytest.raises(OneDriveSensorError, match="nobody_made_this") as caught:
        sensor(mode, onedrive_conn_id="nobody_made_this").execute(task_context())
    assert isinstance(caught.value.__cause__, AirflowNotFoundException)


@pytest.mark.parametrize("mode", MODES)
def test_an_error_on_a_later_poll_is_the_same(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """A permission that is taken away while waiting fails alike, in the worker and through the trigger's event."""
    onedrive_emulator.faults.add(path="a.csv", times=1, do=status(404))
    onedrive_emulator.faults.add(path="a.csv", times=None, do=status(403))
    with pytest.raises(OneDriveSensorError, match=r"Cannot wait for myfiles/in/a\.csv: Access denied.*403") as caught:
        run(sensor(mode), task_context())
    assert isinstance(caught.value.__cause__, AccessDenied)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", [429, 503])
def test_waiting_continues_while_graph_is_busy(
    onedrive_emulator: Emulator, task_context: Context, mode: str, code: int
) -> None:
    """Throttling and outages beyond the client's own patience are waited through."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    fault = onedrive_emulator.faults.add(path="a.csv", times=9, do=status(code, retry_after=0))
    assert run(sensor(mode), task_context())
    assert fault.hits == 9


@pytest.mark.parametrize("mode", MODES)
def test_waiting_continues_after_a_random_401(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """Microsoft's "Unable to initialize RPS" is a hiccup, not a refused sign-in."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    onedrive_emulator.faults.add(path="a.csv", times=1, do=status(401, message="Unable to initialize RPS"))
    assert run(sensor(mode), task_context())


@pytest.mark.parametrize("mode", MODES)
def test_the_timeout(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """What does not come in time is Airflow's own sensor timeout."""
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(mode, timeout=0.2), task_context())


@pytest.mark.parametrize("mode", MODES)
def test_a_timeout_of_zero_polls_once(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """Without time to wait there is one look and no deferral."""
    with pytest.raises(AirflowSensorTimeout):
        sensor(mode, timeout=0).execute(task_context())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["soft_fail", "never_fail"])
@pytest.mark.parametrize(
    ("location", "kwargs"),
    [("myfiles/in/a.csv", {"timeout": 0.2}), ("myfiles/in/a.csv", {"timeout": 0}), ("Finance/a.csv", {})],
)
def test_soft_fail_and_never_fail_skip(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator, task_context: Context, mode: str, way: str, location: str, kwargs: dict[str, Any]
) -> None:
    """Both make a skip of the timeout and of every error, in every mode."""
    with pytest.raises(AirflowSkipException):
        run(sensor(mode, location=location, **{way: True}, **kwargs), task_context())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["soft_fail", "never_fail"])
def test_a_skip_has_the_reason(onedrive_emulator: Emulator, task_context: Context, mode: str, way: str) -> None:
    """The error's text is not lost in the skip, whether it came on the worker or from the trigger."""
    onedrive_emulator.faults.add(path="a.csv", times=1, do=status(404))
    onedrive_emulator.faults.add(path="a.csv", times=None, do=status(403))
    with pytest.raises(AirflowSkipException, match="Access denied"):
        run(sensor(mode, **{way: True}), task_context())


def deferral(waiting: OneDriveFileSensor, context: Any) -> Any:
    with pytest.raises(TaskDeferred) as caught:
        waiting.execute(context)
    return caught.value


def test_one_deadline(onedrive_emulator: Emulator, task_context: Context) -> None:
    """The worker's look, the deferral and the trigger count against one deadline, made when the try began."""
    before = time.time()
    deferred = deferral(sensor("deferrable", timeout=100), task_context())
    after = time.time()
    deadline = deferred.trigger.serialize()[1]["deadline"]
    assert before + 100 <= deadline <= after + 100
    assert timedelta(seconds=deadline - after) <= deferred.timeout <= timedelta(seconds=deadline - before)
    assert deferred.timeout < timedelta(seconds=100)


def test_the_trigger_gets_the_parameters_of_the_sensor(onedrive_emulator: Emulator, task_context: Context) -> None:
    """Nothing of what is waited for is lost in the deferral, and no secret is stored."""
    given: dict[str, Any] = {"location": ["myfiles/in"], "file_pattern": "*.csv", "kind": "any", "poke_interval": 7}
    given |= {"regex": "a", "recursive": True, "min_items": 2, "max_items": 9, "min_size": 5, "ignore": ["x"]}
    more = {"newer_than": datetime(2026, 1, 2, tzinfo=UTC), "stable_for": timedelta(minutes=2)}
    kwargs = deferral(sensor("deferrable", **given, **more), task_context()).trigger.serialize()[1]
    assert {name: kwargs[name] for name in given} == given
    assert (kwargs["newer_than"], kwargs["stable_for_seconds"]) == ("2026-01-02T00:00:00+00:00", 120.0)
    times = {"newer_than", "stable_for_seconds"}
    assert set(kwargs) == {*given, *times, "onedrive_conn_id", "deadline", "end_from_trigger", "version"}


@pytest.mark.parametrize("text", TIMEOUTS)
@pytest.mark.parametrize(
    ("way", "end"),
    [(None, AirflowSensorTimeout), ("soft_fail", AirflowSkipException), ("never_fail", AirflowSkipException)],
)
def test_airflows_own_timeout_of_a_deferral(text: str, way: str | None, end: type[Exception]) -> None:
    """When the scheduler ends the deferral first, that is the same timeout, whatever Airflow's version calls it."""
    waiting = sensor("deferrable", **({way: True} if way else {}))
    with pytest.raises(end, match=r"Waited 20 seconds for myfiles/in/a\.csv"):
        waiting.resume_execution("__fail__", {"error": text}, {})


@pytest.mark.parametrize(("way", "end"), [(None, AirflowException), ("soft_fail", AirflowSkipException)])
def test_a_trigger_that_crashed(way: str | None, end: type[Exception]) -> None:
    """What nobody expected can be tried again, so it is no AirflowFailException."""
    waiting = sensor("deferrable", **({way: True} if way else {}))
    event = {"status": "crashed", "message": "RuntimeError: no luck"}
    with pytest.raises(end, match="no luck") as caught:
        waiting.resume_execution("execute_complete", {"event": event}, {})
    assert not isinstance(caught.value, AirflowFailException)


def test_a_long_retry_after_is_waited_for(onedrive_emulator: Emulator, task_context: Context) -> None:
    """Between two pokes there is the time Graph asked for, and never more than the timeout leaves."""
    onedrive_emulator.faults.add(path="a.csv", times=None, do=status(429, retry_after=301))
    waiting = sensor(poke_interval=1)
    assert not waiting.poke(task_context())
    assert waiting._get_next_poke_interval(0.0, lambda: 5.0, 1) == 15
    waiting.timeout = 1000
    assert waiting._get_next_poke_interval(0.0, lambda: 5.0, 1) == 301


def test_an_odd_retry_after_is_kept_for_an_hour(onedrive_emulator: Emulator, task_context: Context) -> None:
    """A proxy that asks for a day delays the next poke by an hour, and no other task."""
    odd = answer(503, body="<html>", headers={"Retry-After": "86400"}, done=False)
    onedrive_emulator.faults.add(operation="get", times=1, do=odd)
    waiting = sensor(poke_interval=1)
    waiting.timeout = 100_000
    assert not waiting.poke(task_context())
    assert waiting._get_next_poke_interval(0.0, lambda: 5.0, 1) == 3600
    assert not sensor().poke(task_context())
    assert len(onedrive_emulator.requests.matching(origin="graph")) > 1


def test_templates() -> None:
    """The conn id, the location and what chooses files are templates; no file is read as one."""
    chosen = {"file_pattern", "regex", "newer_than", "ignore"}
    assert set(OneDriveFileSensor.template_fields) == {"onedrive_conn_id", "location"} | chosen
    assert tuple(OneDriveFileSensor.template_ext) == ()


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_in_a_dag_run(onedrive_emulator: Emulator, run_dag: Callable[[Any], Any], mode: str) -> None:
    """In a whole DAG run every mode waits, defers or reschedules, and pushes the same XCom."""
    come_later(onedrive_emulator, looks=1)
    with DAG(f"sensor_{mode}", schedule=None) as dag:
        sensor(mode, location="myfiles/{{ 'in' }}/a.csv")
    dag_run = run_dag(dag)
    [instance] = dag_run.get_task_instances()
    assert (str(dag_run.state), str(instance.state)) == ("success", "success")
    [item] = instance.xcom_pull(task_ids="wait")
    assert item["location"] == "myfiles/in/a.csv"


@pytest.mark.airflow3
@pytest.mark.parametrize(
    ("kwargs", "state"),
    [
        ({"mode": "poke", "timeout": 0.2}, "failed"),
        ({"mode": "poke"}, "success"),
        ({"mode": "reschedule"}, "up_for_reschedule"),
        ({"mode": "deferrable"}, "deferred"),
        ({"mode": "poke", "location": "Finance/a.csv"}, "failed"),
        ({"mode": "reschedule", "location": "Finance/a.csv"}, "failed"),
        ({"mode": "deferrable", "location": "Finance/a.csv"}, "failed"),
        ({"mode": "reschedule", "location": "Finance/a.csv", "soft_fail": True}, "skipped"),
        ({"mode": "deferrable", "location": "Finance/a.csv", "soft_fail": True}, "skipped"),
        ({"mode": "deferrable", "location": "Finance/a.csv", "never_fail": True}, "skipped"),
    ],
)
def test_in_the_task_runner(
    onedrive_emulator: Emulator, run_task: Callable[..., Any], kwargs: dict[str, Any], state: str
) -> None:
    """Airflow's task runner ends alike in all modes; what waiting cannot help is failed for good, not retried."""
    come_later(onedrive_emulator, looks=99 if "timeout" in kwargs else 1)
    assert run_task(sensor(retries=2, **kwargs)).state == state


# --- what counts


@pytest.fixture
def inbox(onedrive_emulator: Emulator) -> Any:
    drive = onedrive_emulator.drive()
    drive.put_all({"in/north_1.csv": b"1", "in/south_2.csv": b"22", "in/x.tmp": b"", "in/deep/north_3.csv": b"333"})
    return drive


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"location": "myfiles/in/"}, ["north_1.csv", "south_2.csv"]),
        ({"location": "myfiles/in/**/*.csv"}, ["north_1.csv", "north_3.csv", "south_2.csv"]),
        ({"location": "myfiles/in/", "regex": "^north"}, ["north_1.csv"]),
        ({"location": "myfiles/in/", "recursive": True, "min_size": 2}, ["north_3.csv", "south_2.csv"]),
        ({"location": ["myfiles/in/deep/", "myfiles/in/south_2.csv"]}, ["north_3.csv", "south_2.csv"]),
        ({"location": "myfiles/in/", "newer_than": timedelta(days=1)}, ["north_1.csv", "south_2.csv"]),
        ({"location": "myfiles/in/", "newer_than": "2000-01-01"}, ["north_1.csv", "south_2.csv"]),
        ({"location": "myfiles/in/", "min_items": 2}, ["north_1.csv", "south_2.csv"]),
        ({"location": "myfiles/in/", "ignore": [], "file_pattern": "*.tmp"}, ["x.tmp"]),
        ({"location": "myfiles/in/", "kind": "folder"}, ["deep"]),
    ],
    ids=str,
)
def test_the_same_answer_in_all_modes(
    inbox: Any, task_context: Context, mode: str, *, given: dict[str, Any], names: list[str]
) -> None:
    """Found by the first look on the worker, or by one of the triggerer, which stable_for asks for."""
    if names != ["x.tmp"]:  # which is empty
        found = run(sensor(mode, **given, stable_for=0), task_context())
        assert sorted(item["name"] for item in found) == names
    assert sorted(item["name"] for item in run(sensor(mode, **given), task_context())) == names


def test_groups(inbox: Any, task_context: Context) -> None:
    """What the regular expression calls by a name comes with the item."""
    found = run(sensor(location="myfiles/in/", regex=r"(?P<region>\w+)_(?P<number>\d)"), task_context())
    assert sorted(item["groups"]["region"] for item in found) == ["north", "south"]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_still_written_to_does_not_count(onedrive_emulator: Emulator, task_context: Context, mode: str) -> None:
    """A file that changes with every look is waited for until it stops."""
    drive = onedrive_emulator.drive()
    drive.put("in/a.csv", b"0")
    written = iter(range(1, 4))

    class Writes(Fault):
        def before(self, request: Any, context: Any) -> None:
            if (number := next(written, None)) is not None:
                drive.put("in/a.csv", b"x" * number)

    onedrive_emulator.faults.add(operation="children", times=None, do=Writes())
    (item,) = run(sensor(mode, location="myfiles/in/", stable_for=0), task_context())
    assert item["size"] == 3
    assert len(onedrive_emulator.requests.matching(operation="children")) == 4


def test_an_empty_file_is_not_complete(inbox: Any, task_context: Context) -> None:
    """With ``stable_for`` a file of 0 bytes is one that is only just begun."""
    waiting = sensor(location="myfiles/in/x.tmp", stable_for=0, timeout=0.2)
    with pytest.raises(AirflowSensorTimeout):
        run(waiting, task_context())
    assert run(sensor(location="myfiles/in/x.tmp"), task_context())[0]["size"] == 0


@pytest.mark.airflow3
def test_stability_survives_a_reschedule(inbox: Any, run_task: Any) -> None:
    """It is in the task state store; the second process finds that nothing has changed."""
    store: dict[str, Any] = {}
    first = run_task(sensor("reschedule", location="myfiles/in/", stable_for=0), store=store)
    assert (first.state, set(store)) == ("up_for_reschedule", {"onedrive_stability"})
    second = run_task(sensor("reschedule", location="myfiles/in/", stable_for=0), store=store)
    assert (second.state, len(second.result)) == ("success", 2)


def test_a_reschedule_that_could_not_remember(inbox: Any, task_context: Context) -> None:
    """Without a task state store it would wait for ever, so it is refused."""
    with pytest.raises(OneDriveSensorError, match=r"needs the task state store of Airflow 3\.3"):
        sensor("reschedule", location="myfiles/in/", stable_for=60).poke(task_context())


def test_a_function_has_the_last_word(inbox: Any, task_context: Context) -> None:
    """It is given the item dicts, and asked again at each look."""
    asked: list[list[str]] = []

    def enough(found: list[dict[str, Any]]) -> bool:
        asked.append(sorted(item["name"] for item in found))
        return len(asked) == 2

    assert len(run(sensor(location="myfiles/in/", check_fn=enough, deferrable=None), task_context())) == 2
    assert asked == [["north_1.csv", "south_2.csv"]] * 2


def test_a_function_does_not_run_in_the_triggerer(
    inbox: Any, task_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for explicitly, that is refused; by Airflow's default, it pokes."""
    with pytest.raises(OneDriveSensorError, match="check_fn runs on the worker"):
        sensor("deferrable", location="myfiles/in/", check_fn=bool).execute(task_context())
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert len(sensor(location="myfiles/in/", check_fn=bool, deferrable=None).execute(task_context())) == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_secret_that_is_rotated(
    onedrive_emulator: Emulator, task_context: Context, monkeypatch: pytest.MonkeyPatch, *, mode: str
) -> None:
    """The wait goes on with what the connection says now; a secret that was never right ends it."""
    drive, known = onedrive_emulator.drive(), json.loads(onedrive_emulator.connection)
    drive.folder("in")

    class Rotates(Fault):
        def before(self, request: Any, context: Any) -> None:
            onedrive_emulator.application.client_secret = "the new secret"
            monkeypatch.setenv(CONNECTION, json.dumps(known | {"password": "the new secret"}))
            drive.put("in/a.csv", b"1")
            expire_token().before(request, context)

    onedrive_emulator.faults.add(operation="children", after=2, times=1, do=Rotates())
    (item,) = run(sensor(mode, location="myfiles/in/"), task_context())
    assert item["name"] == "a.csv"


# --- beginning and ending in the triggerer


def test_what_the_triggerer_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All it needs is in the DAG; a timedelta becomes the text of a duration, which is read in the triggerer."""
    monkeypatch.setattr(sensors, "RENDERS_TRIGGERS", True)
    waiting = sensor(start_from_trigger=True, newer_than=timedelta(hours=1), deferrable=None)
    assert waiting.start_from_trigger
    args = waiting.start_trigger_args
    assert args is not None
    assert (args.next_method, args.timeout) == ("execute_complete", timedelta(seconds=20))
    kwargs = args.trigger_kwargs or {}
    assert kwargs["newer_than"] == "PT1H0.000000S"
    assert args.trigger_cls == OneDriveFileTrigger(**kwargs).serialize()[0]
    assert set(kwargs) <= set(OneDriveFileTrigger.names)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"check_fn": bool, "deferrable": None}, "check_fn does not run in the triggerer"),
        ({"deferrable": False}, "deferrable is False"),
    ],
)
def test_what_begins_on_a_worker_all_the_same(  # noqa: PLR0917 - fixtures
    inbox: Any, task_context: Context, caplog: pytest.LogCaptureFixture, capfd: Any, given: dict[str, Any], why: str
) -> None:
    """The log says why."""
    waiting = sensor(start_from_trigger=True, location="myfiles/in/", **given)
    assert not waiting.start_from_trigger
    assert waiting.execute(task_context())
    assert why in caplog.text + capfd.readouterr().out


def test_templates_before_airflow_renders_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be taken literally, so such a task begins on a worker."""
    monkeypatch.setattr(sensors, "RENDERS_TRIGGERS", False)
    assert not sensor(start_from_trigger=True, deferrable=None, location="myfiles/{{ ds }}/").start_from_trigger
    for newer_than in (timedelta(hours=1), "PT1H", "{{ ds }}"):
        assert not sensor(start_from_trigger=True, deferrable=None, newer_than=newer_than).start_from_trigger
    assert sensor(start_from_trigger=True, deferrable=None, newer_than="2026-01-01").start_from_trigger
    assert sensor(start_from_trigger=True, deferrable=None, location="myfiles/in/").start_from_trigger


def test_the_triggerer_ends_the_task(onedrive_emulator: Emulator) -> None:
    """What was found is its result; any other end is told on a worker."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    found = asyncio.run(first(OneDriveFileTrigger(location="myfiles/in/a.csv", end_from_trigger=True)))
    assert isinstance(found, TaskSuccessEvent)
    [item] = found.xcoms["return_value"]  # type: ignore[index]
    assert item["location"] == "myfiles/in/a.csv"
    late = OneDriveFileTrigger(location="myfiles/in/b.csv", end_from_trigger=True, deadline=0.0)
    assert asyncio.run(first(late)).payload == {"status": "timeout"}


async def first(trigger: Any) -> Any:
    return await anext(trigger.run())


@pytest.mark.airflow3
def test_started_by_a_dag_run(onedrive_emulator: Emulator, run_dag: Callable[[Any], Any]) -> None:
    """Airflow starts it in the triggerer; tests/system has it end there as well, which dag.test() cannot."""
    come_later(onedrive_emulator, looks=1)
    with DAG("start_from_trigger", schedule=None) as dag:
        sensor("deferrable", start_from_trigger=True)
    dag_run = run_dag(dag)
    [instance] = dag_run.get_task_instances()
    assert (str(dag_run.state), str(instance.state)) == ("success", "success")
    [item] = instance.xcom_pull(task_ids="wait")
    assert item["location"] == "myfiles/in/a.csv"
