"""The little of Airflow's REST API that the demo uses.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import time
from typing import Any, Self

import httpx

BUSY_SECONDS = 60


class RestClient:
    """:raises httpx.HTTPStatusError: of each method, for an answer that is none, or is still one of a busy Airflow."""

    def __init__(self, url: str) -> None:
        # trust_env: neither a proxy nor somebody's certificates have to do with this machine's own address
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def log_in(self, user: str, password: str) -> None:
        answer = self._answer("POST", "/auth/token", json={"username": user, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def is_healthy(self) -> bool:
        try:
            answer = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return answer.is_success and all(answer.json()[part]["status"] == "healthy" for part in parts)

    def has_dag(self, dag_id: str) -> bool:
        return self._http.get(f"/api/v2/dags/{dag_id}").is_success

    def import_errors(self) -> list[str]:
        return [error["stack_trace"] for error in self.get("/api/v2/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        self._answer("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        answer = self._answer("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        run_id: str = answer["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        state: str = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return tasks

    def log(self, task: dict[str, Any]) -> list[str]:
        """Read what the last try of a task logged, one text per line."""
        content = self.get(
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
            f"/taskInstances/{task['task_id']}/logs/{task['try_number']}",
            params={"map_index": task["map_index"], "full_content": True},
        )["content"]
        return [line_of(entry) for entry in content]

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._answer("GET", path, params=params, headers={"Accept": "application/json"})

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        """Ask, and again while Airflow's SQLite is locked by another of its parts: then nothing of it was done."""
        end = time.monotonic() + BUSY_SECONDS
        answer = self._http.request(method, path, **options)
        while answer.is_server_error and time.monotonic() < end:
            time.sleep(0.5)
            answer = self._http.request(method, path, **options)
        answer.raise_for_status()
        return answer.json()


def line_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return " | ".join([entry["event"], *errors])
