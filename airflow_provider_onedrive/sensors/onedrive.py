"""Wait for files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_onedrive.compat import (
    TRIGGER_TIMEOUTS,
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_onedrive.conditions import FileCondition, Kind, outlives
from airflow_provider_onedrive.graph.errors import GraphError, OneDriveError, Stopped, error_from_dict
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.base import UsesClient
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class OneDriveSensorError(AirflowFailException):
    """Waiting cannot help; the text is the error's own. It ends the task without retries, alike in all modes."""


class OneDriveFileSensor(UsesClient, BaseSensorOperator):
    """Wait until files are there; return the list of their item dicts.

    A file or folder that is missing is waited for, and so are throttling and outages of Graph. A missing drive or user,
    a refused sign-in and a missing permission fail at once. ``timeout`` counts once per try, over all pokes and
    deferrals; ``exponential_backoff`` and ``max_wait`` apply where it does not defer.

    :param location: without ``file_pattern`` and without a trailing ``/`` this one item; else the folder in which
        something must match.
    :param file_pattern: of the name: ``*`` and ``?`` as in a shell, without regard to case; None takes every name.
    :param kind: ``file``, ``folder`` or ``any``.
    :param deferrable: look once on the worker, then wait in the triggerer, where waiting takes no worker slot.
    """

    template_fields = ("onedrive_conn_id", "location", "file_pattern")
    template_ext = ()

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any],
        file_pattern: str | None = None,
        kind: Kind = "file",
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.file_pattern = file_pattern
        self.kind = kind
        self.onedrive_conn_id = onedrive_conn_id
        self.deferrable = deferrable
        self._retry_after_seconds = 0.0

    def execute(self, context: Context) -> Any:
        """Poke until something is there, or poke once and defer."""
        try:
            with self.connected():  # one client, and so one sign-in, for all pokes
                return self._poke_then_defer(context) if self.deferrable else super().execute(context)
        except Stopped:
            raise
        except (OneDriveError, AirflowNotFoundException) as error:
            raise self._ending(OneDriveSensorError(str(error))) from error
        except (AirflowSensorTimeout, AirflowTaskTimeout) as error:
            if self._ends_in_skip:
                raise AirflowSkipException(str(error)) from error
            raise

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once.

        :raises OneDriveSensorError: if waiting cannot help.
        """
        self._retry_after_seconds = 0.0
        try:
            with self.connected() as client:
                items = client.run(self._condition.look(client))
        except OneDriveError as error:
            self._go_on_after(error)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=bool(items), xcom_value=[item.to_xcom() for item in items])

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """Go on after the deferral with what the trigger said."""
        match event:
            case {"status": "found", "items": items}:
                found: list[dict[str, Any]] = items
                return found
            case {"status": "timeout"}:
                raise self._ending(AirflowSensorTimeout(self._timeout_text))
            case {"status": "error", "error": error}:
                cause = error_from_dict(error)
                raise self._ending(OneDriveSensorError(str(cause))) from cause
            case _:
                raise self._ending(AirflowException(f"The trigger ended unexpectedly: {event.get('message')}"))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Take up a deferral; a timeout of Airflow's own is told as ours, alike in all versions of Airflow."""
        try:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
        except (AirflowSkipException, AirflowFailException, AirflowSensorTimeout):
            raise
        except AirflowException as error:
            if error.args and error.args[0] in TRIGGER_TIMEOUTS:
                raise self._ending(AirflowSensorTimeout(self._timeout_text)) from error
            if self._ends_in_skip:
                raise AirflowSkipException(str(error)) from error
            raise

    def _poke_then_defer(self, context: Context) -> Any:
        deadline = time.time() + self.timeout
        found = self.poke(context)
        if not found:
            self._defer_until(deadline)
        return found.xcom_value

    def _defer_until(self, deadline: float) -> NoReturn:
        remaining_seconds = deadline - time.time()
        if remaining_seconds <= 0:
            raise AirflowSensorTimeout(self._timeout_text)
        trigger = OneDriveFileTrigger(
            location=self.location,
            file_pattern=self.file_pattern,
            kind=self.kind,
            onedrive_conn_id=self.onedrive_conn_id,
            poke_interval=self.poke_interval,
            deadline=deadline,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=remaining_seconds))

    def _go_on_after(self, error: OneDriveError) -> None:
        """Note an error that waiting may cure, or end the wait."""
        if isinstance(error, Stopped):
            raise error
        if not outlives(error):
            raise self._ending(OneDriveSensorError(str(error))) from error
        self.log.warning("Waiting on: %s", error)
        if isinstance(error, GraphError):
            self._retry_after_seconds = error.retry_after_seconds or 0.0

    def _get_next_poke_interval(self, started_at: Any, run_duration: Callable[[], float], poke_count: int) -> float:
        """Wait as long as Graph asked for, and never past the timeout."""
        interval = max(super()._get_next_poke_interval(started_at, run_duration, poke_count), self._retry_after_seconds)
        return max(0.0, min(interval, self.timeout - run_duration()))

    def _ending(self, error: AirflowException) -> AirflowException:
        """Return what to raise: soft_fail and never_fail make a skip of every end, in all modes and with the text."""
        return AirflowSkipException(str(error)) if self._ends_in_skip else error

    @property
    def _ends_in_skip(self) -> bool:
        return self.soft_fail or self.never_fail

    @property
    def _timeout_text(self) -> str:
        return f"Waited {self.timeout:g} seconds for {self._condition}, and it did not come."

    @property
    def _condition(self) -> FileCondition:
        return FileCondition(self.location, self.file_pattern, self.kind)
