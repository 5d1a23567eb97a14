"""The little of Airflow's REST API that the demo uses.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from demo.settings import USER
from demo.standalone import Standalone
from demo.waiting import POLL_SECONDS, DemoError

# With 20 busy processes beside it on two cores, the API server took five minutes for its first answer to a task.
TIMEOUT_SECONDS = 600
PARTS = {
    "metadatabase": "the database",
    "scheduler": "the scheduler",
    "triggerer": "the triggerer",
    "dag_processor": "the DAG processor",
}
ENDS = ("success", "failed")


class RestClient:
    """Asks Airflow, and asks again after a time-out, a refused connection or a server error.

    :raises DemoError: of each method: Airflow has ended, makes no progress any more, or refuses a request
    """

    def __init__(self, airflow: Standalone, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._airflow = airflow
        self._waiting = airflow.waiting
        self._healthy: set[str] = set()
        self.deferred: set[str] = set()  # names of the tasks that were seen waiting in the triggerer
        # trust_env: neither a proxy nor somebody's certificates have to do with this machine's own address
        self._http = httpx.Client(base_url=airflow.url, trust_env=False, timeout=timeout_seconds)
        # A request has a thread of its own, so that the progress is shown meanwhile and Airflow's end is noticed.
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=False)
        self._http.close()

    def prepare(self, *dag_ids: str) -> None:
        """Wait until Airflow is up and has read the DAGs, log in, and unpause them."""
        self.wait_until_healthy()
        self.log_in()
        for dag_id in dag_ids:
            self._wait_for_dag(dag_id)
            self._answer("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def wait_until_healthy(self) -> None:
        """Wait until each part of Airflow has been healthy once: a busy one may be late with its next heartbeat."""
        self._waiting.until("Starting Airflow", self._is_healthy)

    def log_in(self) -> None:
        user = {"username": USER, "password": self._airflow.password}
        answer = self._answer("POST", "/auth/token", json=user)
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run under an id of our own, so that asking again after a lost answer starts no second one."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._answer("POST", f"/api/v2/dags/{dag_id}/dagRuns", accepted=(httpx.codes.CONFLICT,), json=body)
        return run_id

    def wait_for_run(self, dag_id: str, run_id: str) -> str:
        """Return the state in which the run ends."""

        def ask() -> str | None:
            state = self.run_state(dag_id, run_id)
            self._waiting.waits_for = summary(self.tasks(dag_id, run_id))
            return state if state in ENDS else None

        return self._waiting.until(f"Running {dag_id}", ask)

    def run_state(self, dag_id: str, run_id: str) -> str:
        state: str = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
        self._waiting.see((run_id, state))
        return state

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        answer = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        tasks: list[dict[str, Any]] = answer["task_instances"]
        self._waiting.see(*((task["id"], task["try_number"], task["state"]) for task in tasks))
        self.deferred.update(task["task_id"] for task in tasks if task["state"] == "deferred")
        return tasks

    def log(self, task: dict[str, Any]) -> list[str]:
        """Read the log of the last try of a task, one text per line."""
        content = self.get(
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
            f"/taskInstances/{task['task_id']}/logs/{task['try_number']}",
            params={"map_index": task["map_index"], "full_content": True},
        )["content"]
        return [line_of(entry) for entry in content]

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._answer("GET", path, params=params, headers={"Accept": "application/json"})

    def _is_healthy(self) -> bool:
        answer = self._ask("GET", "/api/v2/monitor/health")
        if answer is not None:
            states = answer.json()
            self._healthy.update(part for part in PARTS if states[part]["status"] == "healthy")
            self._waiting.see(*self._healthy)
            self._waiting.waits_for = ", ".join(PARTS[part] for part in PARTS if part not in self._healthy)
        return self._healthy.issuperset(PARTS)

    def _wait_for_dag(self, dag_id: str) -> None:
        self._waiting.until(f"Reading the DAG {dag_id}", lambda: self._has_dag(dag_id))

    def _has_dag(self, dag_id: str) -> bool:
        for error in self.get("/api/v2/importErrors")["import_errors"]:
            reason = error["stack_trace"].strip().splitlines()[-1]
            raise DemoError(f"Airflow cannot import {error['filename']}: {reason}")
        self._waiting.waits_for = "the DAG processor"
        answer = self._ask("GET", f"/api/v2/dags/{dag_id}")
        return answer is not None and answer.is_success

    def _answer(self, method: str, path: str, *, accepted: tuple[int, ...] = (), **options: Any) -> Any:
        answer = self._waiting.repeat(lambda: self._ask(method, path, **options))
        if answer.is_error and answer.status_code not in accepted:
            raise DemoError(f"Airflow refused {method} {path} with {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Ask once; a lost answer and a server error, such as SQLite's lock, are no answer."""
        request = self._thread.submit(self._http.request, method, path, **options)
        self._waiting.waits_for = self._waiting.waits_for or "the API server"
        while not wait([request], POLL_SECONDS).done:
            self._waiting.pause()
        try:
            answer = request.result()
        except httpx.TransportError as error:
            self._waiting.last_error = type(error).__name__
            return None
        if answer.is_server_error:
            self._waiting.last_error = f"answer {answer.status_code}"
            return None
        self._waiting.last_error = ""
        return answer


def summary(tasks: list[dict[str, Any]]) -> str:
    """Return in words which tasks a run waits for."""
    open_tasks = [task for task in tasks if task["end_date"] is None]
    begun = [f"{task['task_id']} ({task['state']})" for task in open_tasks if task["state"]]
    later = len(open_tasks) - len(begun)
    return ", ".join([*begun, *([f"{later} more" if begun else f"{later} tasks"] if later else [])]) or "its end"


def line_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return " | ".join([entry["event"], *errors])
