"""Wait for files and for changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import RENDERS_TRIGGERS, StartTriggerArgs
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, Unauthenticated
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.tracking.conditions import (
    IGNORED,
    MAX_MATCHES,
    FileCondition,
    Kind,
    PollResult,
    Stability,
    condition_fields,
)
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.sensors.base import OneDriveSensor, OneDriveSensorError, defers_by_default
from airflow_provider_onedrive.sensors.changes import OneDriveChangesSensor
from airflow_provider_onedrive.state.times import DurationLike, TimeLike, as_text, is_duration, read_duration, read_time
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.protocol.models import DriveItem

__all__ = ["OneDriveChangesSensor", "OneDriveFileSensor", "OneDriveSensorError"]

_STABILITY_KEY = "onedrive_stability"


class OneDriveFileSensor(OneDriveSensor):
    """Wait until files are there; return the list of their item dicts.

    A file or folder that is missing is waited for, and so are throttling and outages of Graph. A missing drive or user,
    a refused sign-in and a missing permission fail at once. ``timeout`` counts once per try, over all pokes and
    deferrals; ``exponential_backoff`` and ``max_wait`` apply where it does not defer.

    :param location: without a pattern and without a trailing ``/`` this one item; else the folder in which something
        must match. A list of them means that each has to have something.
    :param file_pattern: of the name, or, where it has a ``/``, of the path below the folder: ``*``, ``**`` and ``?``,
        without regard to case; None takes every name.
    :param regex: is searched in the path below the folder. Its named groups come as ``groups`` with each item.
    :param recursive: look into the folders of the folder as well; a pattern with ``/`` or ``**`` does so anyway.
    :param newer_than: modified later than this, by the server's clock: a datetime or ISO 8601 text (without a zone in
        Airflow's default one), or a timedelta or ISO 8601 duration before the end of the run's data interval.
    :param min_items: how many have to be there, of all locations together.
    :param max_items: more are an error, so that no answer silently lacks something; Airflow maps over at most 1024.
    :param min_size: of a file, in bytes.
    :param stable_for: for so long size and eTag must have stayed the same, by the server's clock: seconds, a timedelta
        or an ISO 8601 duration. Files of 0 bytes and files that are checked out do not count then. None takes a file as
        soon as it is seen.
    :param check_fn: is given the item dicts, and says whether they will do. It runs on the worker, so the sensor does
        not defer.
    :param ignore: patterns of what does not count in folders.
    :param kind: ``file``, ``folder`` or ``any``.
    :param deferrable: look once on the worker, then wait in the triggerer, where waiting takes no worker slot; None
        means Airflow's default.
    :param start_from_trigger: do not even look on the worker first. Where that cannot be (``check_fn``, templates
        before Airflow 3.3) the task begins on a worker, and its log says why.
    :param end_from_trigger: end there as well, without a worker, when something is found. Airflow then knows the result
        as XCom, but cannot map over it (``expand``), and emits no events of outlets.
    """

    template_fields: Sequence[str] = ("onedrive_conn_id", "location", "file_pattern", "regex", "newer_than", "ignore")

    def __init__(
        self,
        *,
        location: LocationLike | Sequence[LocationLike],
        file_pattern: str | None = None,
        kind: Kind = "file",
        regex: str | None = None,
        recursive: bool = False,
        newer_than: TimeLike | None = None,
        min_items: int = 1,
        max_items: int = MAX_MATCHES,
        min_size: int | None = None,
        stable_for: DurationLike | None = None,
        check_fn: Callable[[list[dict[str, Any]]], object] | None = None,
        ignore: Sequence[str] = IGNORED,
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(onedrive_conn_id=onedrive_conn_id, deferrable=deferrable, **kwargs)
        self.location = location
        self.file_pattern = file_pattern
        self.kind = kind
        self.regex = regex
        self.recursive = recursive
        self.newer_than = newer_than
        self.min_items = min_items
        self.max_items = max_items
        self.min_size = min_size
        self.stable_for = stable_for
        self.check_fn = check_fn
        self.ignore = ignore
        self.end_from_trigger = end_from_trigger
        self._stability: Stability | None = None
        self._condition: FileCondition | None = None
        self._was_let_in = False
        self._why_on_a_worker = self._needs_a_worker() if start_from_trigger else ""
        self.start_from_trigger = start_from_trigger and not self._why_on_a_worker
        if start_from_trigger and deferrable is None and check_fn is None:
            self.deferrable = True
        if self.start_from_trigger:
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=f"{OneDriveFileTrigger.__module__}.{OneDriveFileTrigger.__qualname__}",
                trigger_kwargs=self._trigger_fields(as_text(newer_than), stable_for),
                next_method="execute_complete",
                timeout=timedelta(seconds=self.timeout),
            )

    def execute(self, context: Context) -> Any:
        """Poke until something is there, or poke once and defer."""
        if self._why_on_a_worker:
            self.log.warning("Starting on a worker: %s", self._why_on_a_worker)
        return super().execute(context)

    def poll(self, context: Context) -> list[dict[str, Any]]:
        """Look once."""
        found = self._settled(self._see(self._read_condition(context)), context)
        dicts = [item.to_xcom() for item in found] if len(found) >= self.min_items else []
        return dicts if dicts and self._will_do(dicts) else []

    def trigger(self, context: Context, deadline: float) -> OneDriveFileTrigger:
        newer_than = as_text(self._read_condition(context).newer_than)
        return OneDriveFileTrigger(**self._trigger_fields(newer_than, self._stable_for), deadline=deadline)

    def _trigger_fields(self, newer_than: str | None, stable_for: DurationLike | None) -> dict[str, Any]:
        return {
            **condition_fields(self),
            "newer_than": newer_than,
            "stable_for_seconds": stable_for.total_seconds() if isinstance(stable_for, timedelta) else stable_for,
            "onedrive_conn_id": self.onedrive_conn_id,
            "poke_interval": self.poke_interval,
            "end_from_trigger": self.end_from_trigger,
        }

    def _needs_a_worker(self) -> str:
        """Say why it cannot start in the triggerer; nothing where it can."""
        if self.check_fn is not None:
            return "check_fn does not run in the triggerer."
        if self.deferrable is False:
            return "deferrable is False."
        fields = [getattr(self, name) for name in self.template_fields]
        if not RENDERS_TRIGGERS and (
            is_duration(self.newer_than) or any("{{" in str(field) or "{%" in str(field) for field in fields)
        ):
            return "before Airflow 3.3 the triggerer has no context of the run."
        return ""

    @property
    def awaited(self) -> str:
        return str(FileCondition(self.location, self.file_pattern, regex=self.regex))

    def defers(self) -> bool:
        """Say where to wait.

        :raises ConfigurationError: if that is asked for and cannot be.
        """
        if self.check_fn is None:
            return super().defers()
        if self.deferrable:
            raise ConfigurationError(
                "check_fn runs on the worker, and deferrable=True means the triggerer.", advice="Leave out one of them."
            )
        if self.deferrable is None and defers_by_default():
            self.log.info("Not deferring, because check_fn runs on the worker.")
        return False

    def _will_do(self, found: list[dict[str, Any]]) -> bool:
        return self.check_fn is None or bool(self.check_fn(found))

    def _see(self, condition: FileCondition) -> PollResult:
        """Look once; where the sign-in was good before and is not now, the connection may have a new secret."""
        with self.connected() as client:
            try:
                result = client.run(condition.poll(client))
            except Unauthenticated:
                if not self._was_let_in:
                    raise
                self._was_let_in = False
                fresh = self.reconnect()
                result = fresh.run(condition.poll(fresh))
        self._was_let_in = True
        return result

    def _settled(self, result: PollResult, context: Context) -> Sequence[DriveItem]:
        """Return what has settled; what was seen lives on in the task state store, if the sensor is rescheduled."""
        stable_for = self._stable_for
        if stable_for is None:
            return result.items
        store: Any = context.get("task_state_store") if self.reschedule else None
        if self._stability is None:
            if self.reschedule and store is None:
                raise ConfigurationError(
                    "stable_for with mode='reschedule' needs the task state store of Airflow 3.3.",
                    advice="Use mode='poke' or deferrable=True.",
                )
            seen = store.get(_STABILITY_KEY) if store is not None else None
            self._stability = Stability(stable_for.total_seconds(), seen)
        stable = self._stability.stable(result, time.time())
        if store is not None:
            store.set(_STABILITY_KEY, self._stability.to_dict())
        return stable

    def _read_condition(self, context: Context) -> FileCondition:
        """Return the condition; it is made once, for a duration may count back from now."""
        if self._condition is None:
            self._condition = FileCondition(
                **condition_fields(self),
                newer_than=read_time(self.newer_than, "newer_than", context),
                reads_checkouts=self.stable_for is not None,
            )
        return self._condition

    @property
    def _stable_for(self) -> timedelta | None:
        return read_duration(self.stable_for, "stable_for")
