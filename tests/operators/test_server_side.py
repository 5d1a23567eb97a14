"""Move, copy and create folders as tasks: with retries, deferrals, killed workers, and nothing secret shown."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException, TaskDeferred
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import NONE, Fault, drop_before, status
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import (
    CopyLost,
    NameAlreadyExists,
    OneDriveError,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_onedrive.operators import onedrive, server_side
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveCopyOperator,
    OneDriveCreateFolderOperator,
    OneDriveListOperator,
    OneDriveMoveOperator,
)
from airflow_provider_onedrive.state.encryption import decrypt, encrypt
from airflow_provider_onedrive.triggers import onedrive as triggers
from airflow_provider_onedrive.triggers.onedrive import OneDriveCopyTrigger, OneDrivePauseTrigger

CONTENT, OLD = b"id,total\n1,2\n", b"id,total\n0,0\n"
MONITOR = "https://monitor.example/m?tempauth=SECRET"
STORED_BY_VERSION_1: dict[str, Any] = {
    "monitor": "gAAAA",
    "copy": {
        "name": "a.csv",
        "drive_id": "D",
        "folder_id": "P",
        "outcome": "created",
        "is_repeated": False,
        "rounds": 1,
    },
    "shown": "myfiles/out/a.csv",
    "onedrive_conn_id": "onedrive_default",
    "poll_interval": 10.0,
    "version": 1,
}
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferrable"])


@dataclass(frozen=True)
class Hold(Fault):
    """Do it, say so, and hold the answer back."""

    done: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def after(self, reply: Reply, *_: object) -> None:
        del reply
        self.done.set()
        self.released.wait(HANG_SECONDS)


class Met(Fault):
    """Does something when a request comes, and lets it pass, or lets another fault have it."""

    def __init__(self, act: Callable[[], object], then: Fault = NONE) -> None:
        self.act, self.then = act, then

    def before(self, request: Any, context: Any) -> None:
        self.act()
        self.then.before(request, context)


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> EmulatedDrive:
    drive = onedrive_emulator.drive()
    drive.put("in/a.csv", CONTENT)
    drive.folder("out")
    return drive


def copying(*, deferrable: bool = False, **kwargs: Any) -> OneDriveCopyOperator:
    given: dict[str, Any] = {"task_id": "copy", "location": "myfiles/in/a.csv", "destination": "myfiles/out/"}
    return OneDriveCopyOperator(**(given | {"deferrable": deferrable, "poll_interval": 0.01} | kwargs))


def moving(**kwargs: Any) -> OneDriveMoveOperator:
    given: dict[str, Any] = {"task_id": "move", "location": "myfiles/in/a.csv", "destination": "myfiles/out/"}
    return OneDriveMoveOperator(**(given | kwargs))


def run(operator: Any, context: Any) -> Any:
    """Run an operator as Airflow does: each time it defers, run the trigger and go on with its event."""
    deferred = deferral(operator.execute, context)
    while isinstance(deferred, TaskDeferred):
        assert not deferred.kwargs, "dag.test() would lose them"
        kwargs = {"event": event_of(deferred.trigger)}
        deferred = deferral(operator.resume_execution, deferred.method_name, kwargs, context)
    return deferred


def deferral(work: Callable[..., Any], *args: Any) -> Any:
    """Return how an operator defers, or its result."""
    try:
        return work(*args)
    except TaskDeferred as deferred:
        return deferred


def event_of(trigger: Any) -> dict[str, Any]:
    """Run a trigger in another triggerer to its only event."""
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    assert module == triggers.__name__

    async def events() -> list[dict[str, Any]]:
        waiting = getattr(triggers, name)(**json.loads(json.dumps(kwargs)))
        return [event.payload async for event in waiting.run()]

    [event] = asyncio.run(events())
    assert json.loads(json.dumps(event)) == event
    return event


# --- what they do


def test_move(drive: EmulatedDrive, task_context: Any) -> None:
    """The item dict says where it is now; the id stays."""
    moved = drive.item("in/a.csv")["id"]
    item = moving().execute(task_context())
    assert (item["location"], item["id"], item["outcome"]) == ("myfiles/out/a.csv", moved, "created")
    assert drive.paths() == ["in/", "out/", "out/a.csv"]


@MODES
def test_copy(drive: EmulatedDrive, task_context: Any, deferrable: bool) -> None:
    """Waiting on the worker and in the triggerer give the same item dict."""
    item = run(copying(deferrable=deferrable), task_context())
    assert (item["location"], item["outcome"]) == ("myfiles/out/a.csv", "created")
    assert item["id"] == drive.item("out/a.csv")["id"]
    assert drive.read_all() == {"in/a.csv": CONTENT, "out/a.csv": CONTENT}


@MODES
def test_a_new_name_in_new_folders(drive: EmulatedDrive, task_context: Any, deferrable: bool) -> None:
    """Every parameter reaches the copy."""
    how: dict[str, Any] = {"destination": "myfiles/new/er/", "file_name": "b.csv", "create_folders": True}
    item = run(copying(deferrable=deferrable, **how), task_context())
    assert item["location"] == "myfiles/new/er/b.csv"
    assert drive.read("new/er/b.csv") == CONTENT


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip"])
@pytest.mark.parametrize("do", ["move", "copy", "copy deferrable"])
def test_a_name_that_is_taken(drive: EmulatedDrive, task_context: Any, if_exists: str, do: str) -> None:
    """The four words mean the same for all."""
    drive.put("out/a.csv", OLD)
    operator: Any = moving(if_exists=if_exists)
    if do != "move":
        operator = copying(if_exists=if_exists, deferrable=do != "copy")
    if if_exists == "fail":
        with pytest.raises(AirflowFailException, match=r"Choose another name|taken|already exists"):
            run(operator, task_context())
    else:
        outcome = {"replace": "replaced", "rename": "renamed", "skip": "skipped"}[if_exists]
        assert run(operator, task_context())["outcome"] == outcome
    assert drive.read("out/a.csv") == (CONTENT if if_exists == "replace" else OLD)
    assert drive.exists("out/a 1.csv") is (if_exists == "rename")
    assert drive.recycle_bin == (["out/a.csv"] if if_exists == "replace" else [])


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip"])
@MODES
def test_a_name_that_is_taken_meanwhile(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, if_exists: str, deferrable: bool
) -> None:
    """What the monitor tells is looked at on the worker, which defers again where there is more to do."""
    onedrive_emulator.faults.add(operation="copy", do=Met(lambda: drive.put("out/a.csv", OLD)))
    operator = copying(if_exists=if_exists, deferrable=deferrable)
    if if_exists == "fail":
        with pytest.raises(AirflowFailException):
            run(operator, task_context())
    else:
        run(operator, task_context())
    assert drive.read("out/a.csv") == (CONTENT if if_exists == "replace" else OLD)
    assert drive.exists("out/a 1.csv") is (if_exists == "rename")


def test_create_folder(onedrive_emulator: Emulator, task_context: Any) -> None:
    """Created, there already, refused, with those above: the outcome says which."""

    def create(try_number: int = 1, **kwargs: Any) -> Any:
        return OneDriveCreateFolderOperator(task_id="create", **kwargs).execute(task_context(try_number))

    item = create(location="myfiles/out")
    assert (item["location"], item["outcome"], item["is_folder"]) == ("myfiles/out", "created", True)
    assert create(location="myfiles/out/")["outcome"] == "already_there"
    with pytest.raises(AirflowFailException):
        create(location="myfiles/out", exist_ok=False)
    assert create(2, location="myfiles/out", exist_ok=False)["outcome"] == "already_there"
    with pytest.raises(OneDriveError, match="create_folders=True"):
        create(location="myfiles/a/b")
    assert create(location="myfiles/a/b", create_folders=True)["outcome"] == "created"
    onedrive_emulator.drive().put("file", b"1")
    with pytest.raises(AirflowFailException):
        create(location="myfiles/file")
    assert onedrive_emulator.drive().paths() == ["a/", "a/b/", "file", "out/"]


def test_all_is_templated() -> None:
    """Locations, names, the conflict word and the conn id are templates; no file is read as one."""
    names = {"onedrive_conn_id", "location", "destination", "file_name", "if_exists"}
    assert set(OneDriveCopyOperator.template_fields) == names
    assert set(OneDriveMoveOperator.template_fields) == names | {"cross_drive"}
    assert set(OneDriveCreateFolderOperator.template_fields) == {"onedrive_conn_id", "location"}
    assert OneDriveCopyOperator.template_ext == ()


def test_move_to_another_drive_by_graph(onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any) -> None:
    """With ``cross_drive="move"`` the file keeps its id and its versions, also in a later try."""
    before = drive.put("x/a.csv", b"1")["id"]
    there, user = onedrive_emulator.drive(onedrive_emulator.users[1]), onedrive_emulator.users[1]
    given = {"location": "myfiles/x/a.csv", "destination": f"users/{user}/", "cross_drive": "move"}
    item = OneDriveMoveOperator(task_id="task", **given).execute(task_context())
    assert (item["id"], there.read("a.csv"), drive.recycle_bin) == (before, b"1", [])
    assert OneDriveMoveOperator(task_id="task", **given).execute(task_context(2))["outcome"] == "already_there"


def test_where_they_are() -> None:
    """They come from the module of all operators, and from their own."""
    for name in ("OneDriveMoveOperator", "OneDriveCopyOperator", "OneDriveCreateFolderOperator"):
        assert getattr(onedrive, name) is getattr(server_side, name)
        assert name in onedrive.__all__


# --- errors and later tries


@pytest.mark.parametrize("operator", [moving, copying])
@pytest.mark.parametrize("kwargs", [{"location": "Finance/a.csv"}, {"location": "myfiles/"}, {"if_exists": "maybe"}])
def test_what_no_retry_cures(drive: EmulatedDrive, task_context: Any, operator: Any, kwargs: dict[str, Any]) -> None:
    """It ends the task at once."""
    with pytest.raises(AirflowFailException):
        operator(**kwargs).execute(task_context())


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_a_retry_may_cure(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, deferrable: bool
) -> None:
    """It is raised as it is."""
    onedrive_emulator.faults.add(operation="copy", times=None, do=status(503, retry_after=400))
    with pytest.raises(ServiceUnavailable):
        copying(deferrable=deferrable).execute(task_context())


def test_nothing_to_move(drive: EmulatedDrive, task_context: Any) -> None:
    """A first try that finds nothing must not lead to a second one that takes another file for its own work."""
    drive.put("out/b.csv", OLD)
    with pytest.raises(AirflowFailException, match=r"Cannot move myfiles/in/b\.csv"):
        moving(location="myfiles/in/b.csv").execute(task_context())


def test_a_later_move(drive: EmulatedDrive, task_context: Any) -> None:
    """It finds what the earlier try did."""
    moving().execute(task_context())
    assert moving().execute(task_context(2))["outcome"] == "already_there"


@MODES
def test_a_later_copy(drive: EmulatedDrive, task_context: Any, deferrable: bool) -> None:
    """It finds what the earlier try did; a first try meets a taken name."""
    run(copying(deferrable=deferrable), task_context())
    assert run(copying(deferrable=deferrable), task_context(2))["outcome"] == "already_there"
    with pytest.raises(AirflowFailException):
        run(copying(deferrable=deferrable), task_context())


@MODES
def test_a_later_copy_while_the_first_is_under_way(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, deferrable: bool
) -> None:
    """A worker or a triggerer died: the next try asks again, meets the first copy, and takes it for its own."""
    onedrive_emulator.options.copy_poll_count = 3
    with pytest.raises(TaskDeferred):
        copying(deferrable=True).execute(task_context())
    onedrive_emulator.faults.add(operation="monitor", do=Met(onedrive_emulator.finish_copies))
    assert run(copying(deferrable=deferrable), task_context(2))["outcome"] == "already_there"
    assert drive.paths() == ["in/", "in/a.csv", "out/", "out/a.csv"]


# --- deferral


def test_what_is_deferred(drive: EmulatedDrive, task_context: Any) -> None:
    """The trigger and the kwargs are plain JSON; the monitor is in them only encrypted; execution_timeout holds on."""
    operator = copying(deferrable=True, execution_timeout=timedelta(minutes=5))
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(task_context())
    deferred = caught.value
    assert deferred.timeout == timedelta(minutes=5)
    assert deferred.method_name == "execute_complete"
    trigger = deferred.trigger.serialize()[1]
    assert decrypt(trigger["monitor"]).startswith("https://")
    shown = json.dumps(trigger)
    assert "https://" not in shown
    assert "monitor/" not in shown


@pytest.mark.usefixtures("without_key")
def test_without_a_fernet_key(drive: EmulatedDrive, task_context: Any, logged: Callable[[], str]) -> None:
    """There is nothing to keep a secret with: the worker waits, and says why."""
    item = copying(deferrable=True).execute(task_context())
    assert item["location"] == "myfiles/out/a.csv"
    assert "no Fernet key" in logged()


def test_another_key(drive: EmulatedDrive, task_context: Any) -> None:
    """Who cannot read where to ask looks at the destination again."""
    with pytest.raises(TaskDeferred) as caught:
        copying(deferrable=True).execute(task_context())
    deferred = caught.value
    deferred.trigger.monitor = "gAAAA"
    event = event_of(deferred.trigger)
    assert event["error"]["type"] == "CopyLost"
    operator = copying(deferrable=True)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute_complete(task_context(), event)
    assert caught.value.trigger.copy["rounds"] == 2


def test_rounds_have_an_end(drive: EmulatedDrive, task_context: Any) -> None:
    """A monitor that is always gone does not defer for ever; a retry may help."""
    copy = STORED_BY_VERSION_1["copy"] | {"rounds": 4}
    event = {"status": "failed", "error": CopyLost("x").to_dict(), "copy": copy}
    with pytest.raises(CopyLost):
        copying(deferrable=True).execute_complete(task_context(), event)


def test_a_trigger_that_crashed(drive: EmulatedDrive, task_context: Any) -> None:
    """A retry may help."""
    event = {"status": "crashed", "message": "oh"}
    with pytest.raises(AirflowException, match="oh") as caught:
        copying(deferrable=True).execute_complete(task_context(), event)
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    "fault", [status(429, retry_after=0), status(503, retry_after=0), status(500), drop_before()], ids=repr
)
def test_the_trigger_survives_faults(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, fault: Fault
) -> None:
    """A busy Graph, an outage and a broken network do not end the wait."""
    onedrive_emulator.faults.add(operation="monitor", times=2, do=fault)
    assert run(copying(deferrable=True), task_context())["outcome"] == "created"


def test_the_trigger_survives_its_client(onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any) -> None:
    """The client gives up after its attempts; the wait goes on."""
    rule = onedrive_emulator.faults.add(operation="monitor", times=7, do=status(503, retry_after=0))
    assert run(copying(deferrable=True), task_context())["outcome"] == "created"
    assert rule.hits == 7


@MODES
def test_a_monitor_that_is_gone(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, deferrable: bool
) -> None:
    """The copy was made and nobody says so: it is found at the destination, and not taken for somebody else's."""
    rule = onedrive_emulator.faults.add(operation="monitor", do=Met(onedrive_emulator.finish_copies, status(404)))
    item = run(copying(deferrable=deferrable), task_context())
    assert (item["location"], rule.hits) == ("myfiles/out/a.csv", 1)
    assert len(onedrive_emulator.requests.matching(operation="copy")) == 1


def test_the_trigger_logs_its_progress(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any, logged: Callable[[], str]
) -> None:
    """Each new percentage is logged, with the name of the copy."""
    onedrive_emulator.options.copy_poll_count = 3
    run(copying(deferrable=True), task_context())
    text = logged()
    assert "Copying to myfiles/out/a.csv: 33.3 %" in text
    assert "Copying to myfiles/out/a.csv: 66.7 %" in text


def test_a_copy_that_fails(onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any) -> None:
    """Why, is told by the event as it is on the worker."""
    onedrive_emulator.faults.add(operation="monitor", do=Met(lambda: setattr(drive, "quota_bytes", 1)))
    with pytest.raises(AirflowFailException, match=r"Cannot copy to myfiles/out/a\.csv.*Free space"):
        run(copying(deferrable=True), task_context())


def test_what_the_source_does_meanwhile(onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any) -> None:
    """The end is read at the destination: that somebody deletes the source then does no harm."""
    with pytest.raises(TaskDeferred) as caught:
        copying(deferrable=True).execute(task_context())
    event = event_of(caught.value.trigger)
    drive.delete("in/a.csv")
    item = copying(deferrable=True).execute_complete(task_context(), event)
    assert item["location"] == "myfiles/out/a.csv"


def test_the_stored_format() -> None:
    """What version 1 stored is loaded, and stored again in the same way; what is unknown does no harm."""
    path, kwargs = OneDriveCopyTrigger(**STORED_BY_VERSION_1, newer="x").serialize()
    assert path == "airflow_provider_onedrive.triggers.onedrive.OneDriveCopyTrigger"
    assert kwargs == STORED_BY_VERSION_1


def test_making_a_trigger_never_fails() -> None:
    """An exception in a trigger's constructor would take the whole triggerer down."""
    kwargs: Any = {"monitor": 7, "shown": None, "poll_interval": "soon", "onedrive_conn_id": []}
    assert OneDriveCopyTrigger(**kwargs).serialize()[1]["monitor"] == 7
    assert OneDriveCopyTrigger().serialize()[1]["monitor"] is None


def test_being_cancelled_closes_the_client(
    onedrive_emulator: Emulator, drive: EmulatedDrive, task_context: Any
) -> None:
    """A triggerer that stops cancels the wait; no event is made and no connection stays open."""
    onedrive_emulator.options.copy_poll_count = 10**6
    with pytest.raises(TaskDeferred) as caught:
        copying(deferrable=True, poll_interval=60).execute(task_context())

    async def cancel() -> None:
        task = asyncio.ensure_future(anext(caught.value.trigger.run()))
        while not onedrive_emulator.requests.matching(operation="monitor"):  # noqa: ASYNC110 - the emulator is in threads
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


def test_encrypted_text_is_decrypted() -> None:
    """It does not show its content, and a damaged one is None."""
    text = encrypt(MONITOR)
    assert text is not None
    assert "SECRET" not in text
    assert decrypt(text) == MONITOR
    assert decrypt(text[:-8]) is decrypt("ü") is None


# --- in Airflow


@pytest.mark.airflow3
@pytest.mark.parametrize(
    ("operator", "kwargs"),
    [
        (OneDriveMoveOperator, {"location": "myfiles/{{ 'in' }}/a.csv", "destination": "myfiles/{{ 'out' }}/"}),
        (
            OneDriveCopyOperator,
            {"location": "myfiles/in/a.csv", "destination": "myfiles/out/", "file_name": "{{ run_id }}.csv"},
        ),
        (OneDriveCreateFolderOperator, {"location": "myfiles/{{ run_id }}"}),
    ],
)
def test_in_the_task_runner(
    onedrive_emulator: Emulator,
    drive: EmulatedDrive,
    run_task: Callable[..., Any],
    operator: Any,
    kwargs: dict[str, Any],
) -> None:
    """Templates are rendered, the XCom is the plain item dict, and no secret leaves."""
    end = run_task(operator(task_id="task", **kwargs))
    assert (end.state, end.error) == ("success", None)
    assert end.result["drive_id"] == drive.id
    assert "{{" not in json.dumps(end.rendered)
    assert onedrive_emulator.client_secret not in end.sent
    assert "monitor/" not in end.sent


@pytest.mark.airflow3
def test_deferring_in_the_task_runner(
    onedrive_emulator: Emulator, drive: EmulatedDrive, run_task: Callable[..., Any]
) -> None:
    """What goes to the API server has the monitor only encrypted."""
    end = run_task(copying(deferrable=True))
    assert end.state == "deferred"
    assert "OneDriveCopyTrigger" in end.sent
    assert onedrive_emulator.store_url not in end.sent
    assert "/_api/" not in end.sent


@pytest.mark.airflow3
@pytest.mark.parametrize(("fault", "state"), [(status(403), "failed"), (status(503, retry_after=400), "up_for_retry")])
@pytest.mark.parametrize("operator", [moving, copying])
def test_retries_only_where_they_can_help(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    drive: EmulatedDrive,
    run_task: Callable[..., Any],
    operator: Any,
    fault: Any,
    state: str,
) -> None:
    """A refusal fails the task for good; a busy Graph leaves it its retries."""
    onedrive_emulator.faults.add(origin="graph", times=None, do=fault)
    assert run_task(operator(retries=2)).state == state


def test_from_inbox_to_processed(drive: EmulatedDrive, run_dag: Callable[[Any], Any]) -> None:
    """A listing is mapped over: each file is copied, deferred, and then moved on, on every version of Airflow."""
    drive.put("in/b.csv", OLD)
    with DAG("inbox", schedule=None) as dag:
        folder = OneDriveCreateFolderOperator(task_id="folder", location="myfiles/archive")
        listing = OneDriveListOperator(task_id="list", location="myfiles/in/", kind="file")
        copy = OneDriveCopyOperator.partial(
            task_id="copy", destination="myfiles/archive/", deferrable=True, poll_interval=0.01
        ).expand(location=listing.output)
        move = OneDriveMoveOperator.partial(
            task_id="move", destination="myfiles/processed/", create_folders=True
        ).expand(location=listing.output)
        folder >> copy
        copy >> move
    states = {(each.task_id, str(each.state)) for each in run_dag(dag).get_task_instances()}
    assert states == {(name, "success") for name in ("folder", "list", "copy", "move")}
    files = {"a.csv": CONTENT, "b.csv": OLD}
    assert drive.read_all() == {f"{place}/{name}": files[name] for place in ("archive", "processed") for name in files}


# --- killed workers


def work(environment: dict[str, str], name: str, kwargs: dict[str, Any]) -> None:
    """Be the worker: run an operator's first try."""
    os.environ.update(environment)
    operator = getattr(onedrive, name)(task_id="task", **kwargs)
    operator.execute({"ti": SimpleNamespace(try_number=1, dag_id="d", run_id="r", task_id="task", map_index=-1)})


@pytest.fixture
def kill_first_try(onedrive_emulator: Emulator, processes: Any) -> Iterator[Callable[..., None]]:
    hold = Hold()

    def run_and_kill(name: str, kwargs: dict[str, Any], **held: Any) -> None:
        onedrive_emulator.faults.add(do=hold, **held)
        worker = processes.Process(target=work, args=(onedrive_emulator.environment, name, kwargs))
        worker.start()
        while not hold.done.wait(0.1):
            assert worker.is_alive(), "the request that was to be held never came"
        worker.kill()
        worker.join()
        assert worker.exitcode == -9
        hold.released.set()

    yield run_and_kill
    hold.released.set()


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip"])
@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken"])
def test_a_killed_move(
    drive: EmulatedDrive,
    kill_first_try: Callable[..., None],
    task_context: Any,
    if_exists: str,
    is_taken: bool,
) -> None:
    """Killed after the move or the refusal, the next try ends with the same item in one place."""
    if is_taken:
        drive.put("out/a.csv", OLD)
    moved = drive.item("in/a.csv")
    source = {
        "drive_id": drive.id,
        "id": moved["id"],
        "name": "a.csv",
        "location": "myfiles/in/a.csv",
        "path": "in/a.csv",
    }
    kwargs = {"location": source, "destination": "myfiles/out/", "if_exists": if_exists}
    last = 2 if is_taken and if_exists in ("rename", "replace") else 1
    kill_first_try("OneDriveMoveOperator", kwargs, operation="update", after=last - 1)
    operator = OneDriveMoveOperator(task_id="task", **kwargs)
    if is_taken and if_exists == "fail":
        with pytest.raises(AirflowFailException):
            operator.execute(task_context(2))
    else:
        item = operator.execute(task_context(2))
        assert item["outcome"] == ("skipped" if is_taken and if_exists == "skip" else "already_there")
    stays = is_taken and if_exists in ("fail", "skip")
    path = "in/a.csv" if stays else "out/a 1.csv" if is_taken and if_exists == "rename" else "out/a.csv"
    assert drive.item(path)["id"] == moved["id"]
    assert sorted(drive.read_all().values()) == sorted([CONTENT, *[OLD] * (is_taken and if_exists != "replace")])


@pytest.mark.parametrize("operation", ["copy", "monitor", "delete"])
def test_a_killed_move_to_another_drive(
    onedrive_emulator: Emulator,
    drive: EmulatedDrive,
    kill_first_try: Callable[..., None],
    task_context: Any,
    operation: str,
) -> None:
    """At every step: there is one file, and it is there."""
    user = onedrive_emulator.users[1]
    kwargs = {"location": "myfiles/in/a.csv", "destination": f"users/{user}/"}
    kill_first_try("OneDriveMoveOperator", kwargs, operation=operation)
    OneDriveMoveOperator(task_id="task", **kwargs).execute(task_context(2))
    onedrive_emulator.finish_copies()
    assert (drive.read_all(), onedrive_emulator.drive(user).read_all()) == ({}, {"a.csv": CONTENT})


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip"])
@pytest.mark.parametrize("polls", [0, 1], ids=["made", "under way"])
def test_a_killed_copy(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    drive: EmulatedDrive,
    kill_first_try: Callable[..., None],
    task_context: Any,
    if_exists: str,
    polls: int,
) -> None:
    """Killed after the copy was asked for, made or not: there is one copy in the end."""
    onedrive_emulator.options.copy_poll_count = polls
    kwargs = {"location": "myfiles/in/a.csv", "destination": "myfiles/out/", "if_exists": if_exists}
    kill_first_try("OneDriveCopyOperator", kwargs, operation="copy")
    item = OneDriveCopyOperator(task_id="task", **kwargs).execute(task_context(2))
    onedrive_emulator.finish_copies()
    assert item["outcome"] == ("already_there" if polls == 0 else "created")
    assert drive.read_all() == {"in/a.csv": CONTENT, "out/a.csv": CONTENT}
    assert drive.recycle_bin == []


def test_a_killed_create_folder(drive: EmulatedDrive, kill_first_try: Callable[..., None], task_context: Any) -> None:
    """The folder that an earlier try made is success, even where none may be there."""
    kwargs = {"location": "myfiles/new", "exist_ok": False}
    kill_first_try("OneDriveCreateFolderOperator", kwargs, operation="create_folder")
    item = OneDriveCreateFolderOperator(task_id="task", **kwargs).execute(task_context(2))
    assert item["outcome"] == "already_there"
    assert drive.exists("new")


# --- secrets


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that is logged, at DEBUG, by whichever logging Airflow uses."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "msal", "airflow", "airflow.task"):
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: caplog.text + "".join(capfd.readouterr())


@MODES
@pytest.mark.parametrize("code", [None, 404, 429, 500])
def test_no_monitor_is_shown(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    drive: EmulatedDrive,
    task_context: Any,
    logged: Callable[[], str],
    deferrable: bool,
    code: int | None,
) -> None:
    """At DEBUG, whatever happens to it: no log and no XCom holds the monitor's address, a token or the secret."""
    if code:
        onedrive_emulator.faults.add(operation="monitor", do=status(code, retry_after=0))
    shown = json.dumps(run(copying(deferrable=deferrable), task_context())) + logged()
    requests = onedrive_emulator.requests.matching(operation="monitor")
    ids = {request.path.rpartition("/")[2] for request in requests}
    state: Any = onedrive_emulator._state
    secrets = {onedrive_emulator.client_secret, *state.tokens._tokens, *ids, "/_api/v2.0/monitor"}
    assert ids
    assert [secret for secret in secrets if secret in shown] == []
    assert not onedrive_emulator.leaks


def test_a_conflict_is_a_conflict() -> None:
    """The error of a taken name survives the trip through the event."""
    error = NameAlreadyExists("Name already exists", code="nameAlreadyExists")
    assert server_side.begins_anew(server_side.error_from_dict(json.loads(json.dumps(error.to_dict()))))


# --- pauses


@pytest.fixture
def long_pause(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Graph asks for a pause that no slot is held for."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER", "off")
    onedrive_emulator.faults.add(operation="copy", times=1, do=status(429, retry_after=400))
    yield
    cooldown.forget_all()


@pytest.mark.usefixtures("long_pause")
def test_a_long_pause_is_waited_for_in_the_triggerer(drive: EmulatedDrive, task_context: Any) -> None:
    """Then the copy begins; nothing of it was lost, and nothing is copied twice."""
    operator, context = copying(deferrable=True), task_context()
    deferred = deferral(operator.execute, context)
    assert isinstance(deferred.trigger, OneDrivePauseTrigger)
    assert 350 < deferred.trigger.until - time.time() <= 500
    cooldown.forget_all()  # as if it were over
    deferred.trigger.until = 0.0
    kwargs = {"event": event_of(deferred.trigger)}
    assert kwargs["event"] == {"status": "resumed"}
    again = deferral(operator.resume_execution, deferred.method_name, kwargs, context)
    assert isinstance(again.trigger, OneDriveCopyTrigger)
    item = deferral(operator.resume_execution, again.method_name, {"event": event_of(again.trigger)}, context)
    assert item["location"] == "myfiles/out/a.csv"
    assert drive.paths() == ["in/", "in/a.csv", "out/", "out/a.csv"]


@pytest.mark.usefixtures("drive")
def test_a_pause_of_a_day_is_kept_for_an_hour(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, task_context: Any
) -> None:
    """Then the operator asks Graph again."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER", "off")
    onedrive_emulator.faults.add(operation="copy", times=1, do=status(429, retry_after=86400))
    deferred = deferral(copying(deferrable=True).execute, task_context())
    assert isinstance(deferred.trigger, OneDrivePauseTrigger)
    assert deferred.trigger.until - time.time() <= 3600


@pytest.mark.usefixtures("long_pause")
def test_a_long_pause_on_a_worker(drive: EmulatedDrive, task_context: Any) -> None:
    """It ends the try, and the retry of Airflow comes later; the slot is free meanwhile."""
    with pytest.raises(Throttled) as caught:
        copying().execute(task_context())
    assert caught.value.retry_after_seconds == 400


def test_what_a_pause_stores() -> None:
    """A later version understands it, and ignores what it does not know."""
    trigger = OneDrivePauseTrigger(until=5.0)
    assert trigger.serialize()[1] == {"until": 5.0, "version": 1}
    assert OneDrivePauseTrigger(until=5.0, version=9, more=1).unknown == ["more"]
