"""Stores of the open upload sessions of a task, so that a later attempt can resume them on any worker.

The upload URL needs no token to write the file, so it is stored only encrypted with Airflow's Fernet key: in the task
state store of Airflow 3.3, or before that in files below ``[onedrive] resume_directory``.

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/task-state-store.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import StateStoreError, conf
from airflow_provider_onedrive.graph.flows.session_state import SessionKeeper, TaskAttempt
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import TakenOver
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.state.encryption import can_encrypt, decrypt, encrypt
from airflow_provider_onedrive.state.files import atomic_write, read_private
from airflow_provider_onedrive.state.ownership import STORE_LOCK, Ownership, ownership_of

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logger(__name__)

KEY = "onedrive_upload"


def attempt_of(context: Context) -> TaskAttempt:
    """Return the attempt of a task instance, with keepers of its upload sessions."""
    ti = context["ti"]
    return TaskAttempt(
        retrying=ti.try_number > 1,
        # max_tries counts the retries, so the last attempt has the number max_tries + 1.
        has_another=ti.try_number <= (getattr(ti, "max_tries", 0) or 0),
        keeper_of=partial(_keeper, context),
    )


def _keeper(context: Context, path: str) -> SessionKeeper | None:
    if not can_encrypt():
        return None
    # XCom is no place for the state: Airflow clears it before each attempt.
    store, ownership = context.get("task_state_store"), ownership_of(context)
    if store is not None:
        return OwnedKeeper(TaskStateKeeper(store, f"{KEY}_{digest(path, 32)}" if path else KEY), ownership)
    directory = conf.get("onedrive", "resume_directory", fallback="")
    return OwnedKeeper(FileKeeper(_state_file(Path(directory), context["ti"], path)), ownership) if directory else None


class OwnedKeeper:
    """Leaves alone what another try of the same task has stored.

    :param keeper: where the state is stored.
    """

    def __init__(self, keeper: SessionKeeper, ownership: Ownership) -> None:
        self._keeper = keeper
        self._ownership = ownership

    def load(self) -> Mapping[str, Any] | None:
        return self._keeper.load()

    def save(self, state: Mapping[str, Any]) -> bool:
        if self._ownership.is_lost():
            raise TakenOver("Another try of this task has taken the work")
        return self._keeper.save(state)

    def forget(self) -> None:
        if not self._ownership.is_lost():
            self._keeper.forget()


class TaskStateKeeper:
    """Stores the state in Airflow's task state store, which everybody can read who may see the task: encrypted."""

    def __init__(self, store: Any, key: str = KEY) -> None:
        self._store = store
        self._key = key

    def load(self) -> Mapping[str, Any] | None:
        try:
            with STORE_LOCK:
                state = self._store.get(self._key)
            return _decrypted(state)
        except StateStoreError as error:
            log.warning("The upload session of an earlier attempt cannot be read: %s", error)
            return None

    def save(self, state: Mapping[str, Any]) -> bool:
        try:
            # Without a retention of its own: the store's thirty days are longer than any session lives.
            with STORE_LOCK:
                self._store.set(self._key, encrypt(json.dumps(state)))
        except StateStoreError as error:
            log.warning("The upload session cannot be stored for a later attempt: %s", error)
            return False
        return True

    def forget(self) -> None:
        try:
            with STORE_LOCK:
                self._store.delete(self._key)
        except StateStoreError as error:
            log.warning("The state of the finished upload cannot be removed: %s", error)


class FileKeeper:
    """Stores the state in an encrypted file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, Any] | None:
        try:
            return _decrypted(read_private(self._path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:  # ValueError: not ASCII
            log.warning("%s cannot be read: %s", self._path, error)
            return None

    def save(self, state: Mapping[str, Any]) -> bool:
        try:
            atomic_write(self._path, encrypt(json.dumps(state)) or "")
        except OSError as error:
            log.warning("The upload session cannot be stored in %s: %s", self._path, error)
            return False
        return True

    def forget(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", self._path, error)


def _state_file(directory: Path, ti: Any, path: str) -> Path:
    # JSON keeps ids apart that would be the same text if they were joined.
    names = json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index, *([path] if path else [])])
    return directory.expanduser() / f"{digest(names)}.state"


def _decrypted(text: Any) -> Mapping[str, Any] | None:
    """Read a state; return None if there is none, or if it was encrypted with another key."""
    if not isinstance(text, str):
        return None
    try:
        state = json.loads(decrypt(text) or "")
    except ValueError:
        log.info("The upload session of an earlier attempt cannot be decrypted; the upload starts anew.")
        return None
    return state if isinstance(state, dict) else None
