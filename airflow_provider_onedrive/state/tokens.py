"""Where tokens wait for other processes, encrypted with Airflow's Fernet key; without one nothing is kept."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from airflow_provider_onedrive.compat import AirflowException, StateStoreError, Variable, conf
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens, TokenStore
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.state.encryption import can_seal, sealed, unsealed

log = logging.getLogger(__name__)

_MARK_CHARACTERS = 16
# An ImportError is what Airflow 3 raises outside of tasks, as in its API server.
_NO_VARIABLE = (AirflowException, StateStoreError, ImportError, KeyError)


def cached_tokens_of(conn_id: str, settings: Settings, *, may_block: bool) -> CachedTokens:
    """Say where the tokens of a connection are kept.

    :param may_block: there is no event loop that a look into Airflow's database would hold up.
    """
    if not can_seal():
        return CachedTokens()
    tokens, refresh_tokens = _folder("token_cache_folder"), _folder("refresh_token_folder")
    name = f"onedrive_refresh_token_{conn_id}_{_mark(settings.client_id)}"
    token_store: TokenStore | None = None
    if settings.auth == "refresh_token":
        token_store = (
            FileTokenStore(refresh_tokens / name) if refresh_tokens else VariableTokenStore(name) if may_block else None
        )
    return CachedTokens(partial(_token_store_of, tokens) if tokens else None, token_store)


def _token_store_of(folder: Path, digest: str) -> TokenStore:
    return FileTokenStore(folder / f"onedrive_token_{_mark(digest)}")


def _folder(option: str) -> Path | None:
    text = conf.get("onedrive", option, fallback="").strip()
    return Path(text) if text else None


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_MARK_CHARACTERS]


class FileTokenStore:
    """A file that only its owner can read, and a lock beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def alone(self) -> Iterator[None]:
        lock = self._open(".lock", os.O_RDWR)
        try:
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def read(self) -> str | None:
        with suppress(OSError, UnicodeDecodeError, OneDriveError):
            return unsealed(self._path.read_text(encoding="ascii"))
        return None

    def write(self, text: str) -> None:
        """Replace it at once, so that nobody reads a half."""
        content, name = sealed(text), f".{os.getpid()}"
        file = self._open(name, os.O_WRONLY | os.O_TRUNC)
        if content is None or file is None:
            return
        with suppress(OSError), os.fdopen(file, "w", encoding="ascii") as half:
            half.write(content)
            half.flush()
            os.replace(f"{self._path}{name}", self._path)  # noqa: PTH105 - it is the same call

    def _open(self, suffix: str, how: int) -> int | None:
        """Open a file beside it; None where that cannot be done."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(f"{self._path}{suffix}", how | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("No token can be kept in %s: %s", self._path.parent, error.strerror)
            return None


class VariableTokenStore:
    """An Airflow Variable. The last writer wins: each of the tokens that were written is good.

    Airflow hides the values of Variables whose names hold "token".
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self) -> str | None:
        with suppress(*_NO_VARIABLE, OneDriveError):
            return unsealed(str(Variable.get(self._name)))
        return None

    def write(self, text: str) -> None:
        if (content := sealed(text)) is None:
            return
        try:
            Variable.set(
                self._name, content, description="The newest refresh token of a OneDrive connection, encrypted"
            )
        except _NO_VARIABLE as error:
            log.warning(
                "The newest refresh token was not kept in the Variable %s: %s", self._name, type(error).__name__
            )
