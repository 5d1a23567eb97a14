"""Move, copy and create folders: what Graph does by itself, without a byte through the worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_onedrive.compat import AirflowException, conf
from airflow_provider_onedrive.graph.flows.copies import Copy, begins_anew
from airflow_provider_onedrive.graph.flows.destinations import ROUNDS
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import CopyLost, OneDriveError, Throttled, error_from_dict
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.options import CrossDrive, IfExistsRelocate
from airflow_provider_onedrive.graph.protocol.retry import LONGEST_PAUSE_SECONDS
from airflow_provider_onedrive.operators.base import OneDriveOperator
from airflow_provider_onedrive.state.encryption import can_encrypt, encrypt
from airflow_provider_onedrive.state.upload_sessions import attempt_of
from airflow_provider_onedrive.triggers.onedrive import OneDriveCopyTrigger, OneDrivePauseTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class OneDriveMoveOperator(OneDriveOperator):
    """Move a file or a folder; returns its item dict.

    Within a drive it keeps its id and its versions. To another drive a file is copied on the server, compared, and then
    moved to the recycle bin of its drive; a folder is moved there only with ``cross_drive="move"``.

    :param location: the file or folder; never a whole drive.
    :param destination: the new name with its path; or a folder, ending in ``/`` or with ``file_name``.
    :param file_name: the name in the folder; None takes that of the source.
    :param if_exists: what happens when the name is taken: ``fail``; ``replace``, which moves the file that is there to
        the recycle bin; ``rename`` ("a 1.csv"); ``skip``, which changes nothing.
    :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
    :param cross_drive: how a file gets to another drive: ``copy``, which copies, compares and deletes; ``move``, which
        asks Graph to move the file or folder itself, with its id and its versions, and copies a file only if Graph
        refuses that.
    """

    template_fields = ("onedrive_conn_id", "location", "destination", "file_name", "if_exists", "cross_drive")

    def __init__(
        self,
        *,
        location: LocationLike,
        destination: LocationLike,
        file_name: str | None = None,
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        cross_drive: CrossDrive = "copy",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.destination = destination
        self.file_name = file_name
        self.if_exists = if_exists
        self.create_folders = create_folders
        self.cross_drive = cross_drive

    def run_task(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            given = relocation(self, attempt_of(context))
            return client.move(self.location, self.destination, cross_drive=self.cross_drive, **given).to_dict()


class OneDriveCopyOperator(OneDriveOperator):
    """Copy a file or a folder on the server; returns the item dict of the copy.

    ``execution_timeout`` ends the wait. The copy itself then goes on, and a retry finds it.

    :param location: the file or folder; never a whole drive.
    :param destination: the new name with its path; or a folder, ending in ``/`` or with ``file_name``.
    :param file_name: the name in the folder; None takes that of the source.
    :param if_exists: what happens when the name is taken: ``fail``; ``replace``, which moves the file that is there to
        the recycle bin; ``rename`` ("a 1.csv"); ``skip``, which changes nothing.
    :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
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
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        # Read when the module is imported, as Airflow's own operators do.
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

    def run_task(self, context: Context) -> dict[str, Any]:
        attempt = attempt_of(context)
        if self._defers():
            return self._copy_or_pause(attempt)
        with self.connected() as client:
            return client.copy(self.location, self.destination, **relocation(self, attempt)).to_dict()

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the deferral with what the trigger said."""
        with self.owning(context):
            match event:
                case {"status": "success", "copy": copy, "id": item_id}:
                    return self._read(copy, item_id)
                case {"status": "failed", "copy": copy, "error": error}:
                    return self._begin_anew(error_from_dict(error), context, copy)
                case {"status": "resumed"}:
                    return self._copy_or_pause(attempt_of(context))
                # Not final, as a retry looks at the destination first.
                case _:
                    raise AirflowException(f"The trigger ended unexpectedly: {event.get('message')}")

    def _defers(self) -> bool:
        if self.deferrable and not can_encrypt():
            self.log.warning(
                "Not deferring but waiting on the worker: the address of the copy's monitor is a secret, and Airflow "
                "has no Fernet key to keep it with."
            )
            return False
        return self.deferrable

    def _copy_or_pause(self, attempt: TaskAttempt) -> dict[str, Any]:
        """Begin the copy; where Graph asks for a longer pause than a slot is held for, wait in the triggerer."""
        try:
            return self._copy_deferred(attempt)
        except Throttled as throttled:
            if not throttled.retry_after_seconds:
                raise
            self.log.info("Graph asks for a pause, which is waited for in the triggerer: %s", throttled)
            self._defer_until(time.time() + min(throttled.retry_after_seconds, LONGEST_PAUSE_SECONDS))

    def _defer_until(self, seconds: float) -> NoReturn:
        trigger = OneDrivePauseTrigger(until=seconds)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _copy_deferred(self, attempt: TaskAttempt, rounds: int = 1) -> dict[str, Any]:
        with self.connected() as client:
            started = client.start_copy(self.location, self.destination, **relocation(self, attempt))
        if started.item is None:
            self._defer_until_copied(started, rounds)
        return started.item.to_dict()

    def _defer_until_copied(self, started: Copy, rounds: int) -> NoReturn:
        trigger = OneDriveCopyTrigger(
            monitor=encrypt(started.monitor_url),
            copy=started.to_dict() | {"rounds": rounds},  # kwargs of a deferral are lost in dag.test()
            shown=str(started.target),
            onedrive_conn_id=self.onedrive_conn_id,
            poll_interval=self.poll_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _read(self, copy: Mapping[str, Any], item_id: str | None) -> dict[str, Any]:
        with self.connected() as client:
            return client.copied(self.destination, copy, item_id, file_name=self.file_name).to_dict()

    def _begin_anew(self, error: OneDriveError, context: Context, copy: Mapping[str, Any]) -> dict[str, Any]:
        """Look at the destination once more, where the name was taken meanwhile or nobody knows what became of it."""
        rounds = copy.get("rounds", 1)
        if rounds >= ROUNDS or not begins_anew(error):
            raise error
        self.log.info("The copy did not end well, looking at the destination again: %s", error)
        attempt = attempt_of(context)
        may_be_ours = attempt.retrying or isinstance(error, CopyLost) or copy.get("is_repeated", False)
        return self._copy_deferred(replace(attempt, retrying=may_be_ours), rounds + 1)


class OneDriveCreateFolderOperator(OneDriveOperator):
    """Create a folder; returns its item dict.

    :param location: the new folder.
    :param exist_ok: a folder that is there already is success.
    :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
    """

    template_fields = ("onedrive_conn_id", "location")

    def __init__(
        self, *, location: LocationLike, exist_ok: bool = True, create_folders: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.exist_ok = exist_ok
        self.create_folders = create_folders

    def run_task(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            item = client.create_folder(
                self.location,
                exist_ok=self.exist_ok,
                create_folders=self.create_folders,
                attempt=attempt_of(context),
            )
        return replace(item, outcome=item.outcome or "already_there").to_dict()


def relocation(operator: OneDriveMoveOperator | OneDriveCopyOperator, attempt: TaskAttempt) -> dict[str, Any]:
    """Return the keywords that the client's methods share."""
    names = ("file_name", "if_exists", "create_folders")
    return {name: getattr(operator, name) for name in names} | {"attempt": attempt}
