"""A task instance as Airflow 3's triggerer makes it, to render the templates of a task that begins there."""

# ruff: noqa: PLC0415 - Airflow 2 has none of these modules

from __future__ import annotations

import uuid
from typing import Any


def instance_in_the_triggerer(dag: Any, task_id: str, **changes: Any) -> Any:
    """Return the task instance of a run, made from the serialized DAG.

    :param changes: fields of the run, such as ``data_interval_end``; without them it is one that an asset started.
    """
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.serialization.serialized_objects import DagSerialization

    names = ("logical_date", "start_date", "end_date", "data_interval_start", "data_interval_end", "partition_key")
    given = {"dag_id": dag.dag_id, "run_id": "run", "run_after": "2026-01-31T00:00:00Z", "run_type": "manual"} | changes
    run = {**dict.fromkeys(names), **given, "state": "running", "consumed_asset_events": [], "clear_number": 0}
    waiting = TaskInstanceDTO.model_construct(
        id=uuid.uuid4(), task_id=task_id, dag_id=dag.dag_id, run_id=run["run_id"], try_number=1, map_index=-1
    )
    return TriggerRunner.create_runtime_ti(waiting, DagSerialization.to_dict(dag), run)
