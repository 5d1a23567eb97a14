"""Stores of tokens for other processes, encrypted with Airflow's Fernet key; without a key nothing is stored."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from io import FileIO
from pathlib import Path

from airflow_provider_onedrive.compat import AirflowException, StateStoreError, Variable, conf
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens, TokenStore
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.private import make_named_folder, open_private
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import stopped
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.state.encryption import can_encrypt, decrypt, encrypt
from airflow_provider_onedrive.state.files import atomic_write, read_private

log = logger(__name__)

LOCK_SECONDS = 10.0
"""The longest wait for another process that asks for a token; Entra answers within a second or two."""
_SLICE_SECONDS = 0.1
_NAME_CHARACTERS = 16
# Airflow 3 raises ImportError outside of tasks, as in its API server.
_NO_VARIABLE = (AirflowException, StateStoreError, ImportError, KeyError)


def cached_tokens_of(conn_id: str, settings: Settings, *, may_block: bool) -> CachedTokens:
    """Return the token stores of a connection.

    :param may_block: whether a Variable may be read: on an event loop that would block all other triggers.
    """
    if not can_encrypt():
        return CachedTokens()
    tokens, refresh_tokens = _folder("token_cache_folder"), _folder("refresh_token_folder")
    name = f"onedrive_refresh_token_{conn_id}_{digest(settings.client_id, _NAME_CHARACTERS)}"
    token_store: TokenStore | None = None
    if settings.auth == "refresh_token":
        token_store = (
            FileTokenStore(refresh_tokens / name) if refresh_tokens else VariableTokenStore(name) if may_block else None
        )
    return CachedTokens(partial(_token_store_of, tokens) if tokens else None, token_store)


def _token_store_of(folder: Path, identity: str) -> TokenStore:
    return FileTokenStore(folder / f"onedrive_token_{digest(identity, _NAME_CHARACTERS)}")


def _folder(option: str) -> Path | None:
    text = conf.get("onedrive", option, fallback="").strip()
    return Path(text) if text else None


class FileTokenStore:
    """A file that only its owner can read, and a lock beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    # The lock is a file of its own: a lock on the token's file would be lost when that file is replaced.
    @contextmanager
    def alone(self, flag: StopFlag | None = None, is_over: Callable[[], bool] | None = None) -> Iterator[None]:
        lock = self._open_lock()
        try:
            if lock is not None:
                self._wait_for(lock, flag or StopFlag(), is_over or (lambda: False))
            yield
        finally:
            if lock is not None:
                self._release(lock)

    def read(self) -> str | None:
        # A store that cannot be read counts as empty: the connection works without it.
        with suppress(OSError, UnicodeDecodeError):
            return decrypt(read_private(self._path))
        return None

    def write(self, text: str) -> None:
        if (content := encrypt(text)) is None:
            return
        try:
            atomic_write(self._path, content)
        except OSError as error:
            self._warn(error)

    def _open_lock(self) -> FileIO | None:
        """Open the lock; return None if that is impossible."""
        try:
            make_named_folder(self._path.parent)
            return open_private(self._path.with_name(f"{self._path.name}.lock"))
        except OSError as error:
            self._warn(error)
            return None

    def _wait_for(self, lock: FileIO, flag: StopFlag, is_over: Callable[[], bool]) -> None:
        """Take the lock, or go on without it: its holder may be stopped, by SIGSTOP or a frozen container."""
        end = time.monotonic() + LOCK_SECONDS
        # In slices: a blocking flock() sees no flag, and Python restarts it after each signal (PEP 475).
        while not self._lock(lock) and not is_over():
            if time.monotonic() >= end:
                log.warning("Another process holds %s.lock for a long time; going on without the lock.", self._path)
                return
            flag.wait(_SLICE_SECONDS)
            if flag.is_set():
                raise stopped()

    def _lock(self, lock: FileIO) -> bool:
        """Try to take the lock; return True also if the file system has none."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            self._warn(error)
        return True

    @staticmethod
    def _release(lock: FileIO) -> None:
        with suppress(OSError):
            # Closing it does not release it as long as a forked child has a copy of the descriptor.
            fcntl.flock(lock, fcntl.LOCK_UN)
        lock.close()

    def _warn(self, error: OSError) -> None:
        log.warning("No token can be stored in %s: %s", self._path.parent, error.strerror)


class VariableTokenStore:
    """An Airflow Variable. The last writer wins: each of the written tokens is valid.

    Airflow hides the values of Variables whose names contain "token".
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def alone(
        self,
        flag: StopFlag | None = None,  # noqa: ARG002 - the protocol's signature
        is_over: Callable[[], bool] | None = None,  # noqa: ARG002 - as above
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self) -> str | None:
        with suppress(*_NO_VARIABLE):
            return decrypt(str(Variable.get(self._name)))
        return None

    def write(self, text: str) -> None:
        if (content := encrypt(text)) is None:
            return
        try:
            Variable.set(
                self._name, content, description="The newest refresh token of a OneDrive connection, encrypted"
            )
        except _NO_VARIABLE as error:
            log.warning(
                "The newest refresh token was not stored in the Variable %s: %s", self._name, type(error).__name__
            )
