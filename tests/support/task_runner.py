"""Run one task through Airflow 3's real task runner; the API server is the only part that is played."""

# ruff: noqa: PLC0415 - Airflow must not be imported before its environment is made

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class TaskEnd:
    """How a task ended in Airflow's task runner, and what it told the API server."""

    state: str = ""
    error: BaseException | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    rendered: dict[str, Any] = field(default_factory=dict)
    sent: str = ""

    @property
    def result(self) -> Any:
        return self.xcoms.get("return_value")


def run_one_task(
    task: Any,
    *,
    try_number: int = 1,
    max_tries: int = 2,
    store: MutableMapping[str, Any] | None = None,
    run_id: str = "run",
    answer: Callable[[Any], Any] = lambda _request: None,
) -> TaskEnd:
    """Run one attempt.

    :param answer: called with each request of the task runner; what it returns is the API server's answer, if anything.
    """
    from uuid import uuid4

    import httpx
    from airflow.sdk import DAG
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor, run_task_in_process

    end = TaskEnd()
    now = "2026-01-02T03:04:05Z"
    dag_run: dict[str, Any] = dict.fromkeys(
        ("logical_date", "data_interval_start", "data_interval_end", "start_date"), now
    )
    dag_run |= {"dag_id": "dag", "run_id": run_id, "run_type": "manual", "state": "running", "run_after": now}
    dag_run |= {"end_date": None, "consumed_asset_events": [], "partition_key": None}

    def api(request: httpx.Request) -> httpx.Response:
        body = request.content.decode()
        end.sent += body
        if (answered := answer(request)) is not None:
            return answered
        if "/store/ti/" in request.url.path:
            return _answer_of_store({} if store is None else store, request)
        if request.url.path.endswith("/run"):
            return httpx.Response(200, json={"dag_run": dag_run, "max_tries": max_tries, "should_retry": True})
        if request.method == "POST" and "/xcoms/" in request.url.path:
            end.xcoms[request.url.path.rpartition("/")[2]] = json.loads(body)
        if request.url.path.endswith("/rtif"):
            end.rendered = json.loads(body)
        return httpx.Response(200, json={"message": "ok", "ok": True})

    client = InProcessTestSupervisor._Client(base_url=None, token="", dry_run=True, transport=httpx.MockTransport(api))
    client.base_url = "http://in-process.invalid./"
    if not task.has_dag():
        task.dag = DAG("dag", schedule=None)
    ti = TaskInstance(
        id=uuid4(), task_id=task.task_id, dag_id="dag", run_id=run_id, try_number=try_number, dag_version_id=uuid4()
    )
    ended = run_task_in_process(ti=ti, task=task, client=client)
    end.state, end.error = getattr(ended.ti.state, "value", ""), ended.error
    return end


def _answer_of_store(store: MutableMapping[str, Any], request: Any) -> Any:
    """Be the task state store of the API server: what it holds is there for the next try."""
    import httpx

    key = request.url.path.rpartition("/")[2]
    if request.method == "PUT":
        store[key] = json.loads(request.content)["value"]
    elif request.method == "DELETE":
        store.pop(key, None)
    elif key not in store:
        return httpx.Response(404, json={"detail": {"reason": "not_found", "message": "no such key"}})
    else:
        return httpx.Response(200, json={"value": store[key]})
    return httpx.Response(200, json={"ok": True})
