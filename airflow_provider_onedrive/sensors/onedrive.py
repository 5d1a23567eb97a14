"""Wait for files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from airflow_provider_onedrive.conditions import (
    IGNORED,
    MAX_FOUND_ITEMS,
    FileCondition,
    Kind,
    LocationLike,
    Sight,
    Stability,
    condition_fields,
    outlives,
)
from airflow_provider_onedrive.graph.errors import (
    ConfigurationError,
    GraphError,
    OneDriveError,
    Stopped,
    Unauthenticated,
    error_from_dict,
)
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.base import UsesClient
from airflow_provider_onedrive.operators.many import Moment, moment
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.models import DriveItem

_STABILITY_KEY = "onedrive_stability"


class OneDriveSensorError(AirflowFailException):
    """Waiting cannot help; the text is the error's own. It ends the task without retries, alike in all modes."""


class OneDriveFileSensor(UsesClient, BaseSensorOperator):
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
    :param newer_than: modified later than this, by the server's clock: a datetime or ISO text (without a time zone in
        Airflow's default one), or a timedelta before the end of the run's data interval.
    :param min_items: how many have to be there, of all locations together.
    :param max_items: more are an error, so that no answer silently lacks something; Airflow maps over at most 1024.
    :param min_size: of a file, in bytes.
    :param stable_for: seconds or a timedelta for which size and eTag must have stayed the same, by the server's clock;
        files of 0 bytes and files that are checked out do not count then. None takes a file as soon as it is seen.
    :param check_fn: is given the item dicts, and says whether they will do. It runs on the worker, so the sensor does
        not defer.
    :param ignore: patterns of what does not count in folders.
    :param kind: ``file``, ``folder`` or ``any``.
    :param deferrable: look once on the worker, then wait in the triggerer, where waiting takes no worker slot; None
        means Airflow's default.
    """

    template_fields: Sequence[str] = ("onedrive_conn_id", "location", "file_pattern", "regex", "newer_than", "ignore")
    template_ext = ()

    def __init__(
        self,
        *,
        location: LocationLike | Sequence[LocationLike],
        file_pattern: str | None = None,
        kind: Kind = "file",
        regex: str | None = None,
        recursive: bool = False,
        newer_than: Moment = None,
        min_items: int = 1,
        max_items: int = MAX_FOUND_ITEMS,
        min_size: int | None = None,
        stable_for: float | timedelta | None = None,
        check_fn: Callable[[list[dict[str, Any]]], object] | None = None,
        ignore: Sequence[str] = IGNORED,
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
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
        self.onedrive_conn_id = onedrive_conn_id
        self.deferrable = deferrable
        self._retry_after_seconds = 0.0
        self._stability: Stability | None = None
        self._was_let_in = False

    def execute(self, context: Context) -> Any:
        """Poke until something is there, or poke once and defer."""
        try:
            with self.connected():  # one client, and so one sign-in, for all pokes
                return self._poke_then_defer(context) if self._defers() else super().execute(context)
        except Stopped:
            raise
        except (OneDriveError, AirflowNotFoundException) as error:
            raise self._ending(OneDriveSensorError(str(error))) from error
        except (AirflowSensorTimeout, AirflowTaskTimeout) as error:
            if self._ends_in_skip:
                raise AirflowSkipException(str(error)) from error
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once.

        :raises OneDriveSensorError: if waiting cannot help.
        """
        self._retry_after_seconds = 0.0
        try:
            found = self._settled(self._look(self._condition(context)), context)
        except OneDriveError as error:
            self._go_on_after(error)
            return PokeReturnValue(is_done=False)
        dicts = [item.to_xcom() for item in found] if len(found) >= self.min_items else []
        is_done = bool(dicts) and self._will_do(dicts)
        return PokeReturnValue(is_done=is_done, xcom_value=dicts if is_done else [])

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

    def _defers(self) -> bool:
        """Say where to wait.

        :raises ConfigurationError: if that is asked for and cannot be.
        """
        if self.check_fn is None:
            return self.deferrable if self.deferrable is not None else _defers_by_default()
        if self.deferrable:
            raise ConfigurationError(
                "check_fn runs on the worker, and deferrable=True means the triggerer.", advice="Leave out one of them."
            )
        if self.deferrable is None and _defers_by_default():
            self.log.info("Not deferring, because check_fn runs on the worker.")
        return False

    def _will_do(self, found: list[dict[str, Any]]) -> bool:
        return self.check_fn is None or bool(self.check_fn(found))

    def _look(self, condition: FileCondition) -> Sight:
        """Look once; where the sign-in was good before and is not now, the connection may have a new secret."""
        with self.connected() as client:
            try:
                sight = client.run(condition.look(client))
            except Unauthenticated:
                if not self._was_let_in:
                    raise
                self._was_let_in = False
                fresh = self.reconnect()
                sight = fresh.run(condition.look(fresh))
        self._was_let_in = True
        return sight

    def _settled(self, sight: Sight, context: Context) -> Sequence[DriveItem]:
        """Return what has settled; what was seen lives on in the task state store, if the sensor is rescheduled."""
        if self.stable_for is None:
            return sight.found
        store: Any = context.get("task_state_store") if self.reschedule else None
        if self._stability is None:
            if self.reschedule and store is None:
                raise ConfigurationError(
                    "stable_for with mode='reschedule' needs the task state store of Airflow 3.3.",
                    advice="Use mode='poke' or deferrable=True.",
                )
            seen = store.get(_STABILITY_KEY) if store is not None else None
            self._stability = Stability(_seconds(self.stable_for), seen)
        settled = self._stability.settled(sight, time.time())
        if store is not None:
            store.set(_STABILITY_KEY, self._stability.to_dict())
        return settled

    def _poke_then_defer(self, context: Context) -> Any:
        deadline = time.time() + self.timeout
        found = self.poke(context)
        if not found:
            self._defer_until(deadline, context)
        return found.xcom_value

    def _defer_until(self, deadline: float, context: Context) -> NoReturn:
        remaining_seconds = deadline - time.time()
        if remaining_seconds <= 0:
            raise AirflowSensorTimeout(self._timeout_text)
        newer_than = moment(self.newer_than, context, "newer_than")
        trigger = OneDriveFileTrigger(
            **condition_fields(self),
            newer_than=newer_than.isoformat() if newer_than else None,
            stable_for_seconds=None if self.stable_for is None else _seconds(self.stable_for),
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
        condition = FileCondition(self.location, self.file_pattern, regex=self.regex)
        return f"Waited {self.timeout:g} seconds for {condition}, and it did not come."

    def _condition(self, context: Context) -> FileCondition:
        return FileCondition(
            **condition_fields(self),
            newer_than=moment(self.newer_than, context, "newer_than"),
            reads_checkouts=self.stable_for is not None,
        )


def _defers_by_default() -> bool:
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def _seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
