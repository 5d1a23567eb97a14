"""Where a task keeps its open upload session, so that its next try can go on with it on any worker.

Whoever has the upload URL may write the file, so it is kept only encrypted with Airflow's Fernet key: in the task
state store of Airflow 3.3, or before that in files below ``[onedrive] resume_directory``.

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/task-state-store.html
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import StateStoreError, conf, get_fernet
from airflow_provider_onedrive.graph.flows.session_state import SessionKeeper, TaskAttempt

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

KEY = "onedrive_upload"


def attempt_of(context: Context) -> TaskAttempt:
    """Return the attempt of a task instance, with keepers of its upload sessions."""
    ti = context["ti"]
    return TaskAttempt(
        retrying=ti.try_number > 1,
        has_another=ti.try_number <= (getattr(ti, "max_tries", 0) or 0),
        keeper_of=partial(_keeper, context),
    )


def _keeper(context: Context, path: str) -> SessionKeeper | None:
    fernet = get_fernet()
    if fernet is None:
        return None
    store = context.get("task_state_store")
    if store is not None:
        return TaskStateKeeper(store, fernet, f"{KEY}_{_mark(path)}" if path else KEY)
    directory = conf.get("onedrive", "resume_directory", fallback="")
    return FileKeeper(_state_file(Path(directory), context["ti"], path), fernet) if directory else None


class TaskStateKeeper:
    """Keeps the state in Airflow's task state store, which anybody who may see the task can read: encrypted."""

    def __init__(self, store: Any, fernet: Any, key: str = KEY) -> None:
        self._store = store
        self._fernet = fernet
        self._key = key

    def load(self) -> Mapping[str, Any] | None:
        try:
            return _decrypted(self._fernet, self._store.get(self._key))
        except StateStoreError as error:
            log.warning("What an earlier try kept of its upload cannot be read: %s", error)
            return None

    def save(self, state: Mapping[str, Any]) -> bool:
        try:
            self._store.set(self._key, _encrypted(self._fernet, state))
        except StateStoreError as error:
            log.warning("The upload session cannot be kept for a later try: %s", error)
            return False
        return True

    def forget(self) -> None:
        try:
            self._store.delete(self._key)
        except StateStoreError as error:
            log.warning("The state of the finished upload cannot be removed: %s", error)


class FileKeeper:
    """Keeps the state in an encrypted file that only its owner may read."""

    def __init__(self, path: Path, fernet: Any) -> None:
        self._path = path
        self._fernet = fernet

    def load(self) -> Mapping[str, Any] | None:
        try:
            return _decrypted(self._fernet, self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", self._path, error)
            return None

    def save(self, state: Mapping[str, Any]) -> bool:
        try:
            _write_private(self._path, _encrypted(self._fernet, state))
        except OSError as error:
            log.warning("The upload session cannot be kept in %s: %s", self._path, error)
            return False
        return True

    def forget(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", self._path, error)


def _state_file(directory: Path, ti: Any, path: str) -> Path:
    names = json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index, *([path] if path else [])])
    return directory.expanduser() / f"{hashlib.sha256(names.encode()).hexdigest()}.state"


def _mark(path: str) -> str:
    return hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[:32]


def _write_private(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there, and durable when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _encrypted(fernet: Any, state: Mapping[str, Any]) -> str:
    text: str = fernet.encrypt(json.dumps(state).encode()).decode("ascii")
    return text


def _decrypted(fernet: Any, text: Any) -> Mapping[str, Any] | None:
    """Read a state; None where there is none, or it was encrypted with another key."""
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - not while a DAG is read

    if not isinstance(text, str):
        return None
    try:
        state = json.loads(fernet.decrypt(text.encode("ascii")))
    except (InvalidToken, ValueError):
        log.info("What an earlier try kept of its upload cannot be decrypted; the upload starts anew.")
        return None
    return state if isinstance(state, dict) else None
