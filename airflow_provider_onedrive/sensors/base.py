"""The base of all sensors: three modes to wait in, with the same result and the same errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    BaseTrigger,
    PokeReturnValue,
    conf,
)
from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError, Stopped, error_from_dict
from airflow_provider_onedrive.graph.protocol.hidden_names import without_hidden_causes
from airflow_provider_onedrive.graph.protocol.redaction import presentable
from airflow_provider_onedrive.graph.protocol.retry import LONGEST_PAUSE_SECONDS
from airflow_provider_onedrive.graph.tracking import conditions
from airflow_provider_onedrive.graph.tracking.conditions import FailedPolls, is_transient
from airflow_provider_onedrive.hooks.onedrive import deployment_policy
from airflow_provider_onedrive.operators.base import ClientMixin, LinkMaskingMixin
from airflow_provider_onedrive.operators.rendering import TextTemplatesMixin, read_numbers

if TYPE_CHECKING:
    from airflow.sdk import Context


class OneDriveSensorError(AirflowFailException):
    """Waiting cannot help; the text is the error's own. It ends the task without retries, in all modes."""


class OneDriveSensor(ClientMixin, LinkMaskingMixin, TextTemplatesMixin, BaseSensorOperator):
    """Base of the sensors: each polls in :meth:`poll`, and :meth:`trigger` returns the trigger that waits instead.

    ``timeout`` counts once per try, over all pokes and deferrals; ``exponential_backoff`` and ``max_wait`` apply if the
    sensor does not defer.

    :param deferrable: poll once on the worker, then wait in the triggerer, where waiting takes no worker slot. None
        means Airflow's default.
    """

    # As for the operators: no location and no pattern is the name of a template's file.
    template_ext = ()

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self._retry_after_seconds = 0.0
        self._failed_polls: FailedPolls | None = None

    def poll(self, context: Context) -> list[dict[str, Any]]:
        """Poll once, and return the items; an empty list means "not yet"."""
        raise NotImplementedError

    def trigger(self, context: Context, deadline: float) -> BaseTrigger:
        """Return the trigger that waits in the triggerer.

        :param deadline: when the wait ends, in seconds since the epoch.
        """
        raise NotImplementedError

    @property
    def awaited(self) -> str:
        """The name of the awaited items, for messages."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Poke until there are items, or poke once and defer."""
        # The timeout is counted here, for a deferral would begin it anew each time.
        with self._explained():
            read_numbers(self)
            with self.connected():  # one client, and so one sign-in, for all pokes
                if self.defers():
                    return self._poke_or_defer(time.time() + self.timeout, context)
                return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once.

        :raises OneDriveSensorError: if waiting cannot help.
        """
        self._retry_after_seconds = 0.0
        try:
            items = self._poll_without_doubt(context)
        except OneDriveError as error:
            self._go_on_after(error)
            items = []
        return PokeReturnValue(is_done=bool(items), xcom_value=items)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Go on after the deferral with the payload of the trigger's event."""
        with self._explained():  # which hides names, also where no client is needed
            pass
        match event:
            case {"status": "found", "items": items}:
                return list(items)
            case {"status": "changed", "deadline": deadline}:
                with self._explained(), self.connected():
                    return self._poke_or_defer(deadline, context)
            case {"status": "timeout"}:
                raise self._ending(AirflowSensorTimeout(self._timeout_text))
            # Made here, because a trigger can only send plain JSON.
            case {"status": "error", "error": error}:
                cause = error_from_dict(error)
                raise self._ending(OneDriveSensorError(str(cause))) from cause
            case _:
                raise self._ending(AirflowException(f"The trigger ended unexpectedly: {event.get('message')}"))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral; a timeout of Airflow's own ends it like ours, in all versions of Airflow."""
        try:
            # With soft_fail, BaseSensorOperator's own method would replace the text of the error.
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
        except (AirflowSkipException, AirflowFailException, AirflowSensorTimeout):
            raise
        except AirflowException as error:
            if error.args and error.args[0] in TRIGGER_TIMEOUTS:
                raise self._ending(AirflowSensorTimeout(self._timeout_text)) from error
            if self._ends_in_skip:
                raise AirflowSkipException(str(error)) from error
            raise

    def defers(self) -> bool:
        """Whether to wait in the triggerer.

        :raises ConfigurationError: if it is requested and impossible.
        """
        return self.deferrable if self.deferrable is not None else defers_by_default()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """End the task on errors that waiting cannot cure, in all modes alike."""
        try:
            deployment_policy()  # which hides names from the first line on
            yield
        except Stopped:
            raise
        except (OneDriveError, AirflowNotFoundException) as error:
            without_hidden_causes(error)
            raise self._ending(OneDriveSensorError(str(error))) from error
        except (AirflowSensorTimeout, AirflowTaskTimeout) as error:
            if self._ends_in_skip:
                raise AirflowSkipException(str(error)) from error
            raise

    def _poke_or_defer(self, deadline: float, context: Context) -> list[dict[str, Any]]:
        poked = self.poke(context)
        if not poked:
            self._defer_until(deadline, context)
        items: Any = poked.xcom_value
        return items  # type: ignore[no-any-return]  # which poll() returned

    def _poll_without_doubt(self, context: Context) -> list[dict[str, Any]]:
        """Poll once, and again if the error may pass in seconds. A rescheduled sensor cannot count its pokes."""
        if self._failed_polls is None:
            self._failed_polls = FailedPolls(was_readable=self.reschedule)
        while True:
            try:
                items = self.poll(context)
            except OneDriveError as error:
                if not self._failed_polls.is_doubtful(error):
                    raise
                self.log.warning("Polling again after an error that may pass: %s", error)
                time.sleep(conditions.DOUBT_SECONDS)
            else:
                self._failed_polls.succeeded()
                return items

    def _defer_until(self, deadline: float, context: Context) -> NoReturn:
        remaining_seconds = deadline - time.time()
        if remaining_seconds <= 0:
            raise AirflowSensorTimeout(self._timeout_text)
        trigger = self.trigger(context, deadline)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=remaining_seconds))

    def _go_on_after(self, error: OneDriveError) -> None:
        """Log an error that waiting may cure, or end the wait."""
        if isinstance(error, Stopped):
            raise error
        if not is_transient(error):
            raise self._ending(OneDriveSensorError(str(error))) from error
        self.log.warning("Still waiting after an error: %s", error)
        if isinstance(error, GraphError):
            self._retry_after_seconds = min(error.retry_after_seconds or 0.0, LONGEST_PAUSE_SECONDS)

    # Airflow's own method, by the same name in 2.11 and 3.3; no public one is asked for each interval.
    def _get_next_poke_interval(self, started_at: Any, run_duration: Callable[[], float], poke_count: int) -> float:
        """Return at least Graph's ``Retry-After``, and at most the rest of the timeout."""
        interval = max(super()._get_next_poke_interval(started_at, run_duration, poke_count), self._retry_after_seconds)
        return max(0.0, min(interval, self.timeout - run_duration()))

    def _ending(self, error: AirflowException) -> AirflowException:
        """Return the exception to raise: ``soft_fail`` and ``never_fail`` turn each error into a skip with its text."""
        return AirflowSkipException(str(error)) if self._ends_in_skip else error

    @property
    def _ends_in_skip(self) -> bool:
        return self.soft_fail or self.never_fail

    @property
    def _timeout_text(self) -> str:
        return presentable(f"Waited {self.timeout:g} seconds for {self.awaited}, and it did not come.")


def defers_by_default() -> bool:
    """Return ``[operators] default_deferrable``."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
