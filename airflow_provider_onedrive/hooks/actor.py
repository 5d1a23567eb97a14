"""Who makes a change, as the audit names the caller: the task instance, if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_onedrive.compat import AirflowException, get_current_context


def actor_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit says of the task instance of a context."""
    ti = context["ti"]
    return {
        "dag": ti.dag_id,
        "run": ti.run_id,
        "task": ti.task_id,
        "map_index": ti.map_index,
        "try": ti.try_number,
    }


def current_actor() -> dict[str, Any]:
    """Return what the audit says of the task that runs in this process; nothing in a script or a command."""
    try:
        return actor_of(get_current_context())
    except (AirflowException, RuntimeError):  # Airflow 2 and 3 say so, each in its way
        return {}
