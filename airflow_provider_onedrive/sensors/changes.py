"""Wait for changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.tracking.conditions import IGNORED, MAX_MATCHES, shown
from airflow_provider_onedrive.graph.tracking.tree import KINDS
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.sensors.base import OneDriveSensor
from airflow_provider_onedrive.state.change_store import ChangeState
from airflow_provider_onedrive.state.change_tracker import BlockingChangeTracker, followed, read_start, state_name
from airflow_provider_onedrive.state.times import DurationLike, TimeLike
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

_FOLLOWED = (
    *("location", "events", "file_pattern", "regex", "ignore", "kind", "recursive", "on_start", "full_every"),
    *("onedrive_conn_id", "poke_interval"),
)


class OneDriveChangesSensor(OneDriveSensor):
    """Wait until something in a folder has changed; return what, from one DAG run to the next.

    It returns item dicts with their ``change`` (``created``, ``updated``, ``moved``, ``renamed``, ``deleted``), a
    ``change_id``, and, of what was moved or renamed, the ``previous_path``. How far it has come is kept in Variables of
    Airflow. A run that is tried again is given the same changes; only when another run asks do they count as given. So
    nothing is lost; let only one run be active at a time (``max_active_runs=1``).

    On Airflow 3 an ``AssetWatcher`` with :class:`OneDriveChangesTrigger` starts the DAG in the first place.

    :param location: the folder; what is in its folders is followed as well, unless ``recursive=False``.
    :param events: which kinds of changes are waited for.
    :param file_pattern: of the name, or, where it has a ``/``, of the path below the folder. What does not match is
        taken for not there: renamed from ``a.tmp``, ``a.csv`` is created for who asks for ``*.csv``.
    :param regex: is searched in the path below the folder; its named groups come as ``groups``.
    :param ignore: patterns of what is taken for not there.
    :param kind: ``file``, ``folder`` or ``any``.
    :param on_start: what the first run is given of what is there already: ``ignore``, ``emit_existing``, or what was
        created or modified since a time: a datetime or ISO 8601 text (without a zone in Airflow's default one), or a
        timedelta or ISO 8601 duration before the end of the run's data interval.
    :param full_every: list everything again after this duration, as Microsoft advises: a timedelta, seconds, or an ISO
        8601 duration. None lists everything only where it must.
    :param max_changes: for one run; the others are for the runs after it. Airflow maps over at most 1024.
    :param variable: what the names of the Variables begin with; None makes one of DAG, task, connection and location.
    """

    template_fields: Sequence[str] = (
        *("onedrive_conn_id", "location", "file_pattern", "regex", "ignore", "on_start", "variable"),
    )

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any],
        events: Sequence[str] = KINDS,
        file_pattern: str | None = None,
        regex: str | None = None,
        ignore: Sequence[str] = IGNORED,
        kind: str = "file",
        recursive: bool = True,
        on_start: TimeLike = "ignore",
        full_every: DurationLike | None = timedelta(days=1),
        max_changes: int = MAX_MATCHES,
        variable: str | None = None,
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(onedrive_conn_id=onedrive_conn_id, deferrable=deferrable, **kwargs)
        self.location = location
        self.events = events
        self.file_pattern = file_pattern
        self.regex = regex
        self.ignore = ignore
        self.kind = kind
        self.recursive = recursive
        self.on_start = on_start
        self.full_every = full_every
        self.max_changes = max_changes
        self.variable = variable
        self._tracker: BlockingChangeTracker | None = None

    def poll(self, context: Context) -> list[dict[str, Any]]:
        """Return what this run was given before, or else what is next."""
        if self._tracker is None:
            tracker = BlockingChangeTracker(*followed(self, dict(context)), ChangeState(self._name))
            tracker.begin()
            self._tracker = tracker
        state, run = self._tracker.state, _run_of(context)
        if state.handed.get("run") == run:
            return state.queue[: state.handed["count"]]
        was_handed = state.handed.get("count", 0)
        state.queue, state.handed = state.queue[was_handed:], {}
        with self.connected() as client:
            found = self._tracker.queue(client)[: max(self.max_changes, 1)]
        if found:
            state.handed = {"run": run, "count": len(found)}
        if found or was_handed:
            self._tracker.keep()
        return found

    def trigger(self, context: Context, deadline: float) -> OneDriveChangesTrigger:
        given = {name: getattr(self, name) for name in _FOLLOWED} | {"on_start": read_start(self.on_start, context)}
        return OneDriveChangesTrigger(**given, variable=self._name, once=True, deadline=deadline)

    @property
    def awaited(self) -> str:
        return f"changes in {shown(self.location)}"

    @property
    def _name(self) -> str:
        return self.variable or state_name(self.dag_id, self.task_id, self.onedrive_conn_id, self.location)


def _run_of(context: Context) -> list[Any]:
    """Tell this run from others, and not its tries from each other."""
    ti = context["ti"]
    return [ti.dag_id, ti.run_id, ti.task_id, ti.map_index]
