"""Keep the metadata of a folder tree current, not its contents."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import task_state
from airflow_provider_onedrive.graph.content.paths import absolute
from airflow_provider_onedrive.graph.content.sources import StoredObject, is_stored
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.operators.base import OneDriveOperator, local_or_stored
from airflow_provider_onedrive.state.times import DurationLike, read_duration

if TYPE_CHECKING:
    from airflow.sdk import Context

_MAX_CHANGED = 1000  # Airflow maps over at most 1024


class OneDriveFolderSyncOperator(OneDriveOperator):
    """Keep a manifest of everything below a folder current; returns what changed.

    The first run lists all of it, the next ones ask for changes only. The manifest is JSON Lines: a head, and a line
    for each item, the same dict as elsewhere. It also holds where to go on, so that both always agree; it is replaced
    as a whole. A manifest that is lost, damaged or too old is made anew, and ``full_because`` says why.

    The manifest also keeps the last changes with the run that got them. A later attempt of the run returns the same,
    and if the task did not succeed, the next run returns them together with its own.

    Each change is an item dict with its ``change`` (``created``, ``updated``, ``moved``, ``renamed``, ``deleted``), so
    ``.expand(change=sync.output)`` works on them. XCom ``summary`` has the numbers.

    :param location: a folder.
    :param manifest: a path on the worker that all runs share, or an object such as ``s3://conn_id@bucket/key``; one
        that ends in ``.parquet`` becomes a Parquet file, which needs the extra ``parquet``.
    :param full_every: list everything again after this duration, as Microsoft advises: a timedelta, seconds, or an ISO
        8601 duration. None lists everything only where it must.
    :param max_changed: of the changes in XCom; the numbers count all of them, and the manifest has all items.
    """

    template_fields = ("onedrive_conn_id", "location", "manifest")

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any],
        manifest: str | os.PathLike[str],
        full_every: DurationLike | None = timedelta(days=1),
        max_changed: int = _MAX_CHANGED,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.manifest = manifest
        self.full_every = full_every
        self.max_changed = max_changed

    def run_task(self, context: Context) -> list[dict[str, Any]]:
        full_every = read_duration(self.full_every, "full_every")
        manifest = _path(local_or_stored(self.manifest))
        with self.connected() as client:
            synced = client.sync_folder(
                self.location,
                manifest,
                full_every=full_every,
                run_key=_run_key(context["ti"]),
                has_succeeded=partial(_has_succeeded, context["ti"]),
            )
            client.check_owner()
        # The returned list is for expand(), so the numbers have a key of their own.
        context["ti"].xcom_push(key="summary", value=synced.to_dict())
        changed = ({"change": kind, **item.to_dict()} for kind, item in synced.changes.items())
        return list(islice(changed, self.max_changed))


def _run_key(ti: Any) -> str:
    """Return the name of a task instance in the manifest; all its attempts have the same."""
    return json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index])


def _has_succeeded(ti: Any, run_key: str) -> bool:
    """Return whether the task instance of a key has succeeded.

    :param ti: the task instance that asks.
    """
    try:
        dag_id, run_id, task_id, map_index = json.loads(run_key)
    except (ValueError, TypeError):  # the key of a program outside of Airflow
        return True
    # Runs are removed from Airflow's database when they are old; their changes must not come back.
    return task_state(ti, dag_id, run_id, task_id, map_index) in (None, "success")


def _path(manifest: Any) -> Path | StoredObject:
    """Return the path of the manifest, or the object of a store.

    :raises ConfigurationError: if it is nowhere.
    """
    if is_stored(manifest):
        return manifest
    if not str(manifest or "").strip():
        raise ConfigurationError("manifest is empty.", advice="Check the template that makes it.")
    return absolute(manifest)
