"""Wait for files and for changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import RENDERS_TRIGGERS, StartTriggerArgs
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, Unauthenticated
from airflow_provider_onedrive.graph.tracking.conditions import FileCondition, PollResult, Stability
from airflow_provider_onedrive.operators.base import check_filters_when_parsed
from airflow_provider_onedrive.sensors.base import OneDriveSensor, OneDriveSensorError, defers_by_default
from airflow_provider_onedrive.sensors.changes import OneDriveChangesSensor
from airflow_provider_onedrive.state.times import DurationLike, as_text, is_duration, read_duration, read_time
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger
from airflow_provider_onedrive.triggers.parameters import FileParameters, parameters_of, with_parameters_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.protocol.models import DriveItem

__all__ = ["OneDriveChangesSensor", "OneDriveFileSensor", "OneDriveSensorError"]

_STABILITY_KEY = "onedrive_stability"


class OneDriveFileSensor(FileParameters, OneDriveSensor):
    """Wait until files are there, and return the list of their item dicts.

    It keeps waiting while a file or folder is missing, and during throttling and outages. A missing drive or user, a
    refused sign-in and a missing permission fail at once. More parameters:
    :class:`~airflow_provider_onedrive.triggers.parameters.FileParameters`,
    :class:`~airflow_provider_onedrive.triggers.parameters.SelectionParameters` and
    :class:`~airflow_provider_onedrive.sensors.base.OneDriveSensor`.

    :param stable_for: the time for which size and eTag of a file must have stayed the same, by the server's clock:
        seconds, a timedelta or an ISO 8601 duration. Files of 0 bytes and checked out files do not count then. None
        takes a file at the first poll that returns it.
    :param check_fn: receives the item dicts and makes the final decision: a false result keeps waiting. It runs on the
        worker, so the sensor does not defer.
    :param start_from_trigger: start the task in the triggerer, without a first poll on the worker. If that is
        impossible (``check_fn``, templates before Airflow 3.3) the task starts on a worker, and its log says why.
    """

    template_fields: Sequence[str] = ("onedrive_conn_id", "location", "file_pattern", "regex", "newer_than", "ignore")

    @with_parameters_of(FileParameters, OneDriveSensor)
    def __init__(
        self,
        *,
        stable_for: DurationLike | None = None,
        check_fn: Callable[[list[dict[str, Any]]], object] | None = None,
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_filters_when_parsed(self, ("file_pattern", "ignore"))
        self.stable_for = stable_for
        self.check_fn = check_fn
        self._stability: Stability | None = None
        self._condition: FileCondition | None = None
        self._was_signed_in = False
        self._worker_reason = self._needs_worker() if start_from_trigger else ""
        self.start_from_trigger = start_from_trigger and not self._worker_reason
        # A task that has to start on a worker after all still waits in the triggerer, as was meant.
        if start_from_trigger and self.deferrable is None and check_fn is None:
            self.deferrable = True
        if self.start_from_trigger:
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=f"{OneDriveFileTrigger.__module__}.{OneDriveFileTrigger.__qualname__}",
                trigger_kwargs=self._trigger_fields(as_text(self.newer_than)),
                next_method="execute_complete",
                timeout=timedelta(seconds=self.timeout),
            )

    def execute(self, context: Context) -> Any:
        """Poke until files are there, or poke once and defer."""
        if self._worker_reason:
            self.log.warning("Starting on a worker: %s", self._worker_reason)
        return super().execute(context)

    def poll(self, context: Context) -> list[dict[str, Any]]:
        """Poll once, and return the item dicts; an empty list means "not yet"."""
        items = self._stable(self._poll_once(self._condition_of(context)), context)
        dicts = [item.to_dict() for item in items] if len(items) >= self.min_items else []
        return dicts if dicts and self._accepts(dicts) else []

    def trigger(self, context: Context, deadline: float) -> OneDriveFileTrigger:
        newer_than = as_text(self._condition_of(context).selection.filters.newer_than)
        return OneDriveFileTrigger(**self._trigger_fields(newer_than), deadline=deadline)

    def _trigger_fields(self, newer_than: str | None) -> dict[str, Any]:
        # Airflow stores these in the DAG, where a timedelta would not be plain JSON.
        seconds = self.stable_for.total_seconds() if isinstance(self.stable_for, timedelta) else self.stable_for
        own = {"newer_than": newer_than, "stable_for_seconds": seconds, "poke_interval": self.poke_interval}
        return parameters_of(self, FileParameters) | own

    def _needs_worker(self) -> str:
        """Return why the task cannot start in the triggerer; an empty text if it can."""
        if self.check_fn is not None:
            return "check_fn does not run in the triggerer."
        if self.deferrable is False:
            return "deferrable is False."
        fields = [str(getattr(self, name)) for name in self.template_fields]
        depends_on_run = is_duration(self.newer_than) or any("{{" in field or "{%" in field for field in fields)
        if depends_on_run and not RENDERS_TRIGGERS:
            return "before Airflow 3.3 the triggerer has no context of the run."
        return ""

    @property
    def awaited(self) -> str:
        return str(self.condition())

    def defers(self) -> bool:
        """Whether to wait in the triggerer.

        :raises ConfigurationError: if it is requested and impossible.
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

    def _accepts(self, dicts: list[dict[str, Any]]) -> bool:
        return self.check_fn is None or bool(self.check_fn(dicts))

    def _poll_once(self, condition: FileCondition) -> PollResult:
        """Poll; if an earlier sign-in succeeded and this one is refused, read the connection's new secret."""
        with self.connected() as client:
            try:
                result = client.run(condition.poll(client))
            # At the first poll a refusal means a wrong secret. Later it was right once, and has been rotated.
            except Unauthenticated:
                if not self._was_signed_in:
                    raise
                self._was_signed_in = False
                fresh = self.reconnect()
                result = fresh.run(condition.poll(fresh))
        self._was_signed_in = True
        return result

    def _stable(self, result: PollResult, context: Context) -> Sequence[DriveItem]:
        """Return the stable items. A rescheduled sensor is made again, so the task state store keeps its polls."""
        stable_for = read_duration(self.stable_for, "stable_for")
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

    def _condition_of(self, context: Context) -> FileCondition:
        # Made once: a duration may count back from now.
        if self._condition is None:
            newer_than = read_time(self.newer_than, "newer_than", context)
            self._condition = self.condition(newer_than, reads_checkouts=self.stable_for is not None)
        return self._condition
