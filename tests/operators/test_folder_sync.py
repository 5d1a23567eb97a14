"""The folder sync as a task: its summary and its changes in XCom, on a disk and in an object store."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from task_runner import TaskEnd, run_one_task

from airflow_provider_onedrive.compat import AirflowFailException, timezone
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.onedrive import OneDriveFolderSyncOperator


@pytest.fixture
def sync(task_context: Any) -> Any:
    """Run the task, each time in another run; return its summary and the changes."""
    runs = map(str, itertools.count())

    def run(manifest: Any, run_id: str = "", **kwargs: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        operator = OneDriveFolderSyncOperator(task_id="sync", location="myfiles/in", manifest=manifest, **kwargs)
        context = task_context(run_id=run_id or next(runs))
        changed = operator.execute(context)
        return context["ti"].xcoms["summary"], changed

    return run


def test_what_is_in_xcom(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """The changed items as the result, whose dicts are locations for the next tasks, and numbers beside it."""
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    manifest = tmp_path / "folders/manifest.jsonl"
    summary, changed = sync(str(manifest))
    counts = {"created": 2, "updated": 0, "moved": 0, "renamed": 0, "deleted": 0}
    assert summary == {
        "manifest": str(manifest),
        "items": 2,
        **counts,
        "full_because": "there is no manifest yet",
        "cursor_age_seconds": None,
    }
    assert [(item["change"], item["location"]) for item in changed] == [
        ("created", "myfiles/in/a.csv"),
        ("created", "myfiles/in/b.csv"),
    ]
    assert json.loads(json.dumps(changed)) == changed
    drive.delete("in/a.csv")
    summary, changed = sync(str(manifest))
    assert (summary["items"], summary["deleted"], summary["full_because"]) == (1, 1, "")
    assert [(item["change"], item["path"]) for item in changed] == [("deleted", "in/a.csv")]


def test_a_cap(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """XCom holds so many changes at most; the numbers count all of them."""
    onedrive_emulator.drive().put_all({f"in/{number}": b"" for number in range(5)})
    summary, changed = sync(str(tmp_path / "m"), max_changed=2)
    assert (summary["created"], len(changed)) == (5, 2)


@pytest.mark.parametrize("manifest", ["", "  ", None])
def test_no_manifest(onedrive_emulator: Emulator, sync: Any, manifest: Any) -> None:
    """An empty template is told, and nothing is asked."""
    with pytest.raises(AirflowFailException, match="manifest is empty"):
        sync(manifest)
    assert len(onedrive_emulator.requests) == 0


def test_full_every_is_iso(onedrive_emulator: Emulator, task_context: Any, tmp_path: Path) -> None:
    """Text that is not a duration is refused before anything is sent."""
    given = {"location": "myfiles/", "manifest": str(tmp_path / "m.jsonl"), "full_every": "12 h"}
    with pytest.raises(AirflowFailException, match=r"full_every is '12 h'.* Did you mean PT12H\?"):
        OneDriveFolderSyncOperator(task_id="sync", **given).execute(task_context())
    assert len(onedrive_emulator.requests) == 0
    assert OneDriveFolderSyncOperator(task_id="sync", **given | {"full_every": "PT12H"}).execute(task_context()) == []


def test_in_an_object_store(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """``file://`` stands for any store that fsspec reaches."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    sync(f"file://{tmp_path}/m.jsonl")
    summary, changed = sync(f"file://{tmp_path}/m.jsonl")
    assert (summary["items"], summary["full_because"], changed) == (1, "", [])


def test_templates() -> None:
    """The connection, the folder and the manifest; no file is read as one."""
    assert set(OneDriveFolderSyncOperator.template_fields) == {"onedrive_conn_id", "location", "manifest"}
    assert tuple(OneDriveFolderSyncOperator.template_ext) == ()


# --- a worker that ends between the manifest and the XCom


@pytest.fixture
def manifest(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> Path:
    """A manifest of an earlier run, since when two files have changed."""
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    sync(str(tmp_path / "m.jsonl"))
    drive.put("in/c.csv", b"3")
    drive.delete("in/a.csv")
    return tmp_path / "m.jsonl"


CHANGED = [("created", "in/c.csv"), ("deleted", "in/a.csv")]


def changed(result: Any) -> list[tuple[str, str]]:
    return [(item["change"], item["path"]) for item in result]


def a_task(manifest: Path) -> Any:
    return OneDriveFolderSyncOperator(task_id="sync", location="myfiles/in", manifest=str(manifest), retries=2)


def test_another_attempt_and_a_cleared_run(onedrive_emulator: Emulator, sync: Any, manifest: Path) -> None:
    """Both return what the first attempt returned, and its numbers; further changes come with the next run."""
    first = sync(str(manifest), run_id="daily")
    assert changed(first[1]) == CHANGED
    onedrive_emulator.drive().put("in/late.csv", b"")
    assert [sync(str(manifest), run_id="daily"), sync(str(manifest), run_id="daily")] == [first, first]
    assert changed(sync(str(manifest))[1]) == [("created", "in/late.csv")]


def test_each_attempt_has_the_same_first_changes(onedrive_emulator: Emulator, sync: Any, manifest: Path) -> None:
    """Where XCom holds only a part of them."""
    onedrive_emulator.drive().put_all({f"in/{number}": b"" for number in (5, 3, 4, 1, 2)})
    first = sync(str(manifest), run_id="daily", max_changed=3)
    assert changed(first[1]) == [("created", "in/1"), ("created", "in/2"), ("created", "in/3")]
    assert sync(str(manifest), run_id="daily", max_changed=3) == first


def test_keys_of_other_programs(onedrive_emulator: Emulator, sync: Any, manifest: Path) -> None:
    """A program that syncs the same manifest is no run of Airflow, which is not asked about it."""
    for key in ("nightly", "7", "[1]"):
        with OneDriveHook().get_conn() as client:
            client.sync_folder("myfiles/in", manifest, run_key=key)
        onedrive_emulator.drive().put(f"in/{key}", b"")
        assert changed(sync(str(manifest))[1]) == [("created", f"in/{key}")]


class Api:
    """The answers of the API server for the task runner: it refuses an XCom, and knows the states of other runs."""

    def __init__(self, refused_xcom: str = "", **states: str) -> None:
        self._refused = f"/{refused_xcom}"
        self._states = {run: {"sync": state} for run, state in states.items()}
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: Any) -> Any:
        if request.url.path.endswith("task-instances/states"):
            self.asked.append(dict(request.url.params))
            return type_of_answer()(200, json={"task_states": self._states})
        if request.method == "POST" and request.url.path.endswith(self._refused):
            return type_of_answer()(404, json={"detail": {"reason": "not_found", "message": "gone"}})
        return None


def type_of_answer() -> Any:
    import httpx  # noqa: PLC0415 - what Airflow 3 uses

    return httpx.Response


@pytest.mark.airflow3
@pytest.mark.parametrize("xcom", ["summary", "return_value"])
def test_api_is_away(
    onedrive_emulator: Emulator, run_task: Callable[..., TaskEnd], sync: Any, manifest: Path, xcom: str
) -> None:
    """The attempt fails after the manifest was replaced, and the next one has what it could not hand over."""
    before = manifest.read_bytes()
    failed = run_task(a_task(manifest), answer=Api(refused_xcom=xcom), run_id="daily")
    assert failed.state == "up_for_retry"
    assert manifest.read_bytes() != before
    onedrive_emulator.drive().put("in/late.csv", b"")
    retried = run_task(a_task(manifest), answer=Api(), run_id="daily", try_number=2)
    assert (retried.state, changed(retried.result), retried.xcoms["summary"]["created"]) == ("success", CHANGED, 1)
    cleared = run_task(a_task(manifest), answer=Api(), run_id="daily", try_number=3)
    assert cleared.xcoms == retried.xcoms


@pytest.mark.airflow3
@pytest.mark.parametrize(
    ("state", "returned"),
    [("success", False), ("failed", True), ("up_for_retry", True), ("running", True), (None, True)],
)
def test_run_that_fails_for_good(
    onedrive_emulator: Emulator,
    run_task: Callable[..., TaskEnd],
    manifest: Path,
    state: str | None,
    returned: bool,
) -> None:
    """The next run returns its changes too; Airflow is asked about that task instance only."""
    run_task(a_task(manifest), run_id="first", answer=Api(refused_xcom="return_value", **{"0": "success"}))
    onedrive_emulator.drive().put("in/late.csv", b"")
    api = Api(first=state)
    end = run_task(a_task(manifest), run_id="second", answer=api)
    created = [("created", "in/c.csv"), ("created", "in/late.csv"), ("deleted", "in/a.csv")]
    assert changed(end.result) == (created if returned else [("created", "in/late.csv")])
    assert api.asked == [{"dag_id": "dag", "task_ids": "sync", "run_ids": "first"}]


@pytest.mark.airflow3
def test_run_that_airflow_has_removed(run_task: Callable[..., TaskEnd], manifest: Path) -> None:
    """An old run that is no longer in the database got its changes."""
    run_task(a_task(manifest), run_id="first", answer=Api())
    assert run_task(a_task(manifest), run_id="second", answer=Api()).result == []


@pytest.mark.airflow3
def test_worker_is_killed(
    onedrive_emulator: Emulator, run_task: Callable[..., TaskEnd], manifest: Path, processes: Any
) -> None:
    """With -9, right before the changes become an XCom."""
    worker = processes.Process(target=be_killed, args=(onedrive_emulator.environment, manifest))
    before = manifest.read_bytes()
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert manifest.read_bytes() != before
    end = run_task(a_task(manifest), run_id="daily", answer=Api(), try_number=2)
    assert (end.state, changed(end.result)) == ("success", CHANGED)


def be_killed(environment: dict[str, str], manifest: Path) -> None:
    """Be the worker of the first attempt, which dies as soon as it sends the result."""

    def die(request: Any) -> Any:
        if request.url.path.endswith("/return_value"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Api()(request)

    os.environ.update(environment)
    run_one_task(a_task(manifest), run_id="daily", answer=die)


class FailsAfterwards(OneDriveFolderSyncOperator):
    """Fails in its first run when the work is done."""

    runs = 0

    def execute(self, context: Any) -> Any:
        result = super().execute(context)
        FailsAfterwards.runs += 1
        if FailsAfterwards.runs == 1:
            raise AirflowFailException("lost")
        return result


@pytest.mark.parametrize("mapped", [False, True])
def test_lost_run_in_a_whole_dag(onedrive_emulator: Emulator, run_dag: Any, tmp_path: Path, mapped: bool) -> None:
    """Airflow itself knows that the run failed, and that the next one did not, in each of its versions."""
    FailsAfterwards.runs = 0
    results = []
    for day, name in enumerate(("a", "b", "c"), start=1):
        onedrive_emulator.drive().put(f"in/{name}", b"")
        with DAG(f"lost_{mapped}", schedule=None, start_date=timezone.datetime(2026, 1, 1)) as dag:
            task, manifest = {"task_id": "sync", "location": "myfiles/in"}, str(tmp_path / "m")
            if mapped:
                FailsAfterwards.partial(**task).expand(manifest=[manifest])
            else:
                FailsAfterwards(**task, manifest=manifest)
        [instance] = run_dag(dag, logical_date=timezone.datetime(2026, 1, day)).get_task_instances()
        result = instance.xcom_pull(task_ids="sync", map_indexes=instance.map_index)
        results.append((str(instance.state), changed(result or [])))
    assert results == [
        ("failed", []),
        ("success", [("created", "in/a"), ("created", "in/b")]),
        ("success", [("created", "in/c")]),
    ]
