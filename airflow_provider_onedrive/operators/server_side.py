"""Move, copy and create folders: what Graph does by itself, without a byte through the worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow_provider_onedrive.compat import AirflowException, conf
from airflow_provider_onedrive.graph.flows.copies import Copy, begins_anew
from airflow_provider_onedrive.graph.flows.destinations import ROUNDS, RelocateOptions
from airflow_provider_onedrive.graph.protocol.errors import CopyLost, OneDriveError, Throttled, error_from_dict
from airflow_provider_onedrive.operators.base import OneDriveOperator, fail_permanent_errors, is_retry
from airflow_provider_onedrive.state.encryption import can_seal, sealed
from airflow_provider_onedrive.triggers.onedrive import OneDriveCopyTrigger, OneDrivePauseTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

LocationLike = str | Mapping[str, Any]
IfExists = Literal["fail", "replace", "rename", "skip"]


class OneDriveMoveOperator(OneDriveOperator):
    """Move a file or a folder; returns its item dict.

    Within a drive it keeps its id and its versions. To another drive a file is copied on the server, compared, and then
    moved to the recycle bin of its drive; a folder is refused there.

    :param location: the file or folder; never a whole drive.
    :param destination: a folder, where it ends in ``/``; else the new name with its path.
    :param file_name: the name in the folder ``destination``; None keeps it.
    :param if_exists: what happens when the name is taken: ``fail``; ``replace``, which moves the file that is there to
        the recycle bin; ``rename`` ("a 1.csv"); ``skip``, which leaves both as they are.
    :param create_folders: create the missing folders of the destination.
    """

    template_fields = ("onedrive_conn_id", "location", "destination", "file_name", "if_exists")

    def __init__(
        self,
        *,
        location: LocationLike,
        destination: LocationLike,
        file_name: str | None = None,
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.destination = destination
        self.file_name = file_name
        self.if_exists = if_exists
        self.create_folders = create_folders

    def work(self, context: Context) -> dict[str, Any]:
        how = placing(self, retrying=is_retry(context))
        with self.connected() as client:
            return client.move(self.location, self.destination, **how).to_xcom()


class OneDriveCopyOperator(OneDriveOperator):
    """Copy a file or a folder on the server; returns the item dict of the copy.

    ``execution_timeout`` ends the wait. The copy itself then goes on, and a retry finds it.

    :param location: the file or folder; never a whole drive.
    :param destination: a folder, where it ends in ``/``; else the new name with its path.
    :param file_name: the name in the folder ``destination``; None keeps it.
    :param if_exists: what happens when the name is taken: ``fail``; ``replace``, which moves the file that is there to
        the recycle bin; ``rename`` ("a 1.csv"); ``skip``, which copies nothing.
    :param create_folders: create the missing folders of the destination.
    :param deferrable: wait in the triggerer, without a worker slot, also for a pause that Graph asks for before the
        copy begins. Needs Airflow's Fernet key.
    :param poll_interval: seconds between two looks of the triggerer; a worker looks with growing pauses.
    """

    template_fields = ("onedrive_conn_id", "location", "destination", "file_name", "if_exists")

    def __init__(
        self,
        *,
        location: LocationLike,
        destination: LocationLike,
        file_name: str | None = None,
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.destination = destination
        self.file_name = file_name
        self.if_exists = if_exists
        self.create_folders = create_folders
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    def work(self, context: Context) -> dict[str, Any]:
        how = placing(self, retrying=is_retry(context))
        if self._defers():
            return self._copy_or_pause(how)
        with self.connected() as client:
            return client.copy(self.location, self.destination, **how).to_xcom()

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the deferral with what the trigger said."""
        with fail_permanent_errors():
            match event:
                case {"status": "success", "copy": copy, "id": item_id}:
                    return self._read(copy, item_id)
                case {"status": "failed", "copy": copy, "error": error}:
                    return self._begin_anew(error_from_dict(error), context, copy)
                case {"status": "resumed"}:
                    return self._copy_or_pause(placing(self, retrying=is_retry(context)))
                case _:
                    raise AirflowException(f"The trigger ended unexpectedly: {event.get('message')}")

    def _defers(self) -> bool:
        if self.deferrable and not can_seal():
            self.log.warning(
                "Not deferring but waiting on the worker: the address of the copy's monitor is a secret, and Airflow "
                "has no Fernet key to keep it with."
            )
            return False
        return self.deferrable

    def _copy_or_pause(self, how: RelocateOptions) -> dict[str, Any]:
        """Begin the copy; where Graph asks for a longer pause than a slot is held for, wait in the triggerer."""
        try:
            return self._copy_deferred(how)
        except Throttled as throttled:
            if not throttled.retry_after_seconds:
                raise
            self.log.info("Graph asks for a pause, which is waited for in the triggerer: %s", throttled)
            self._defer_until(time.time() + throttled.retry_after_seconds)

    def _defer_until(self, seconds: float) -> NoReturn:
        trigger = OneDrivePauseTrigger(until=seconds)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _copy_deferred(self, how: RelocateOptions, rounds: int = 1) -> dict[str, Any]:
        with self.connected() as client:
            started = client.start_copy(self.location, self.destination, **how)
        if started.item is None:
            self._defer_until_copied(started, rounds)
        return started.item.to_xcom()

    def _defer_until_copied(self, started: Copy, rounds: int) -> NoReturn:
        trigger = OneDriveCopyTrigger(
            monitor=sealed(started.monitor_url),
            copy=started.to_dict() | {"rounds": rounds},  # kwargs of a deferral are lost in dag.test()
            shown=str(started.target),
            onedrive_conn_id=self.onedrive_conn_id,
            poll_interval=self.poll_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _read(self, copy: Mapping[str, Any], item_id: str | None) -> dict[str, Any]:
        with self.connected() as client:
            return client.copied(self.destination, copy, item_id, file_name=self.file_name).to_xcom()

    def _begin_anew(self, error: OneDriveError, context: Context, copy: Mapping[str, Any]) -> dict[str, Any]:
        """Look at the destination once more, where the name was taken meanwhile or nobody knows what became of it."""
        rounds = copy.get("rounds", 1)
        if rounds >= ROUNDS or not begins_anew(error):
            raise error
        self.log.info("The copy did not end well, looking at the destination again: %s", error)
        may_be_ours = is_retry(context) or isinstance(error, CopyLost) or copy.get("is_repeated", False)
        return self._copy_deferred(placing(self, retrying=may_be_ours), rounds + 1)


class OneDriveCreateFolderOperator(OneDriveOperator):
    """Create a folder; returns its item dict.

    :param location: the new folder.
    :param exist_ok: a folder that is there already is success.
    :param create_folders: create the missing folders above it as well.
    """

    template_fields = ("onedrive_conn_id", "location")

    def __init__(
        self, *, location: LocationLike, exist_ok: bool = True, create_folders: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.exist_ok = exist_ok
        self.create_folders = create_folders

    def work(self, context: Context) -> dict[str, Any]:
        may_be_there = self.exist_ok or is_retry(context)
        with self.connected() as client:
            item = client.create_folder(self.location, exist_ok=may_be_there, create_folders=self.create_folders)
        return replace(item, outcome=item.outcome or "already_there").to_xcom()


def placing(operator: OneDriveMoveOperator | OneDriveCopyOperator, *, retrying: bool) -> RelocateOptions:
    """Return what the client's methods need to know."""
    return {
        "file_name": operator.file_name,
        "if_exists": operator.if_exists,
        "create_folders": operator.create_folders,
        "retrying": retrying,
    }
