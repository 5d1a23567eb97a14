"""Wait for changes of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.tracking.conditions import MAX_MATCHES
from airflow_provider_onedrive.operators.base import check_filters_when_parsed
from airflow_provider_onedrive.operators.rendering import check_text
from airflow_provider_onedrive.sensors.base import OneDriveSensor
from airflow_provider_onedrive.state.change_store import ChangeState
from airflow_provider_onedrive.state.change_tracker import BlockingChangeTracker, followed, read_start, state_name
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger
from airflow_provider_onedrive.triggers.parameters import ChangeParameters, parameters_of, with_parameters_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class OneDriveChangesSensor(ChangeParameters, OneDriveSensor):
    """Wait until a folder has changed, and return the changes since the last DAG run.

    It returns item dicts with their ``change`` (``created``, ``updated``, ``moved``, ``renamed``, ``deleted``), a
    ``change_id``, and, of moved and renamed items, the ``previous_path``. Its state is stored in Variables of Airflow.
    Each try of a run gets the same changes; they count as delivered when another run asks. So no change is lost; let
    only one run be active at a time (``max_active_runs=1``).

    On Airflow 3 an ``AssetWatcher`` with :class:`OneDriveChangesTrigger` starts the DAG itself. More parameters:
    :class:`~airflow_provider_onedrive.triggers.parameters.ChangeParameters`,
    :class:`~airflow_provider_onedrive.triggers.parameters.SelectionParameters` and
    :class:`~airflow_provider_onedrive.sensors.base.OneDriveSensor`.

    :param max_changes: for one run; the next runs get the others. Airflow maps over at most 1024.
    """

    template_fields: Sequence[str] = (
        *("onedrive_conn_id", "location", "file_pattern", "regex", "ignore", "on_start", "variable"),
    )

    @with_parameters_of(ChangeParameters, OneDriveSensor)
    def __init__(self, *, max_changes: int = MAX_MATCHES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_filters_when_parsed(self, ("file_pattern", "ignore"))
        self.max_changes = max_changes
        self._tracker: BlockingChangeTracker | None = None

    def poll(self, context: Context) -> list[dict[str, Any]]:
        """Return the changes that an earlier try of this run got, or else the next ones."""
        if self._tracker is None:
            tracker = BlockingChangeTracker(*followed(self, context), ChangeState(self._name))
            tracker.begin()
            self._tracker = tracker
        state, run = self._tracker.state, _run_of(context)
        # A sensor cannot know whether the tasks after it succeeded. So the changes stay in the queue until another run
        # asks, and each try of this run gets them again.
        if state.handed.get("run") == run:
            return state.queue[: state.handed["count"]]
        was_handed = state.handed.get("count", 0)
        state.queue, state.handed = state.queue[was_handed:], {}
        with self.connected() as client:
            changes = self._tracker.queue(client)[: max(self.max_changes, 1)]
        if changes:
            state.handed = {"run": run, "count": len(changes)}
        if changes or was_handed:  # else the polls of a long wait would write Variables again and again
            self._tracker.keep()
        return changes

    def trigger(self, context: Context, deadline: float) -> OneDriveChangesTrigger:
        given = parameters_of(self, ChangeParameters)
        given |= {"on_start": read_start(self.on_start, context), "variable": self._name}
        return OneDriveChangesTrigger(**given, poke_interval=self.poke_interval, once=True, deadline=deadline)

    @property
    def awaited(self) -> str:
        return f"changes in {shown(self.location)}"

    @property
    def _name(self) -> str:
        if self.variable:
            check_text("variable", self.variable)
        return self.variable or state_name(self.dag_id, self.task_id, self.onedrive_conn_id, self.location)


def _run_of(context: Context) -> list[Any]:
    """Return the identity of a task in its run, which is the same for all tries."""
    ti = context["ti"]
    return [ti.dag_id, ti.run_id, ti.task_id, ti.map_index]
