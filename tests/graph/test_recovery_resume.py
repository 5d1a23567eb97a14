"""A try that ends, and a later one on another worker that goes on with its upload session."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from upload_steps import IN_UNITS, LARGE

from airflow_provider_onedrive.emulator.faults import Fault, corrupt_request, status
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    Locked,
    NameAlreadyExists,
    QuotaExceeded,
    ServiceUnavailable,
    SourceChanged,
)
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions

TOTAL = len(LARGE)


class Keeper:
    """What a task's tries share."""

    def __init__(self) -> None:
        self.text: str | None = None

    def load(self) -> dict[str, Any] | None:
        state: dict[str, Any] | None = json.loads(self.text) if self.text else None
        return state

    def save(self, state) -> bool:
        self.text = json.dumps(state)
        return True

    def forget(self) -> None:
        self.text = None


class Interrupted(LocalFileSystem):
    """A store in whose middle somebody ends the process."""

    cachable = False

    def open(self, path, mode="rb", **more):
        file = super().open(path, mode, **more)
        read = file.read

        def until_the_middle(length=-1):
            if file.tell() >= UNIT_BYTES:
                raise KeyboardInterrupt
            return read(length)

        file.read = until_the_middle
        return file


class Stored:
    def __init__(self, fs: Any, path: object) -> None:
        self.fs, self.path = fs, str(path)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Tries:
    """Tries of one task: each has a client of its own, and only the keeper in common."""

    def __init__(self, connect, tmp_path) -> None:
        self.connect = connect
        self.path = tmp_path / "local.bin"
        self.path.write_bytes(LARGE)
        self.keeper = Keeper()

    def upload(
        self,
        source: Any = None,
        location: str = "myfiles/a.bin",
        *,
        another: bool = True,
        retrying: bool = False,
        **more: Any,
    ) -> Any:
        attempt = TaskAttempt(retrying=retrying, has_another=another, keeper_of=lambda _: self.keeper)
        more = {"options": IN_UNITS, **more}
        return self.connect().upload(
            location, local_path=self.path if source is None else source, attempt=attempt, **more
        )

    def interrupted(self, **more: Any) -> None:
        """Play a try that ends after the first fragment."""
        with pytest.raises(KeyboardInterrupt):
            self.upload(Stored(Interrupted(), self.path), **more)


@pytest.fixture
def tries(connect, tmp_path):
    return Tries(connect, tmp_path)


@pytest.fixture
def sessions(onedrive_emulator):
    return onedrive_emulator.state.sessions


@pytest.fixture
def asked(onedrive_emulator):
    """Return the operations that were answered, and how many bytes the fragments had."""

    def look() -> tuple[list[str], int]:
        kinds = ("create_session", "session_status", "fragment", "session_cancel", "upload")
        answered = [request for request in onedrive_emulator.requests if request.status is not None]
        seen = [request for request in answered if request.operation in kinds]
        fragments = [request.received_bytes for request in seen if request.operation == "fragment"]
        return [request.operation for request in seen], sum(fragments)

    return look


def stored(tries):
    """The same object as the interrupted try had."""
    return Stored(LocalFileSystem(), tries.path)


# --- a later try goes on


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename"])
def test_a_later_try_goes_on(tries, onedrive_emulator, drive, *, sessions, asked, if_exists):
    """A fresh client sends only what is missing, in the same session, and the file is the whole one."""
    tries.interrupted(if_exists=if_exists)
    assert (len(sessions), drive.paths()) == (1, [])
    onedrive_emulator.requests.clear()
    item = tries.upload(stored(tries), another=False, retrying=True, if_exists=if_exists)
    assert asked() == (["session_status", "fragment", "fragment"], TOTAL - UNIT_BYTES)
    assert (item.outcome, item.size) == ("created", TOTAL)
    assert drive.read("a.bin") == LARGE
    assert (drive.version_count("a.bin"), len(sessions), tries.keeper.text) == (1, 0, None)


def test_a_local_file_is_recognised(tries, onedrive_emulator, drive, *, faults, asked):
    """The same file, by size, time and content of its ends, is gone on with after a service that stayed away."""
    faults.add(operation="fragment", after=1, times=7, do=status(500))
    with pytest.raises(ServiceUnavailable):
        tries.upload()
    onedrive_emulator.requests.clear()
    tries.upload(retrying=True)
    assert asked() == (["session_status", "fragment", "fragment"], TOTAL - UNIT_BYTES)
    assert drive.read("a.bin") == LARGE


def test_what_the_earlier_try_sent_is_compared_too(tries, drive, faults):
    """A byte that went wrong in the earlier try is found by the later one: its hash is that of the whole."""
    faults.add(operation="fragment", do=corrupt_request(5))
    tries.interrupted()
    assert tries.upload(stored(tries), retrying=True).outcome == "created"
    assert drive.read("a.bin") == LARGE
    assert drive.version_count("a.bin") == 2


def test_only_the_commit_is_missing(tries, onedrive_emulator, drive, *, asked):
    """All bytes are there and the file was open: the later try commits and sends nothing."""
    onedrive_emulator.quirks.refused_commits = 5
    with pytest.raises(Locked):
        tries.upload()
    onedrive_emulator.quirks.refused_commits = 0
    onedrive_emulator.requests.clear()
    assert tries.upload(retrying=True).outcome == "created"
    assert asked() == (["session_status"], 0)
    assert drive.read("a.bin") == LARGE


# --- a later try starts anew


def expire(onedrive_emulator, faults):
    """Let the session's time be over when it has its first fragment."""

    class Expiring(Fault):
        def before(self, request, context):
            onedrive_emulator.options.session_seconds = -1

    faults.add(operation="fragment", do=Expiring())


def test_a_session_that_expired(tries, onedrive_emulator, drive, *, faults, asked):
    """The service forgot it: everything is sent again, into a session of its own."""
    expire(onedrive_emulator, faults)
    tries.interrupted()
    onedrive_emulator.options.session_seconds = 3600
    onedrive_emulator.requests.clear()
    assert tries.upload(stored(tries), retrying=True).outcome == "created"
    assert asked() == (["session_status", "create_session", *["fragment"] * 3], TOTAL)
    assert (drive.read("a.bin"), tries.keeper.text) == (LARGE, None)


def change_content(tries) -> dict[str, Any]:
    tries.path.write_bytes(LARGE[::-1])
    return {}


def change_time(tries) -> dict[str, Any]:
    os.utime(tries.path, ns=(1, 1))
    return {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_content, "source"),
        (change_time, "source"),
        (lambda _: {"location": "myfiles/b.bin"}, "target"),
        (lambda _: {"if_exists": "replace"}, "options"),
    ],
    ids=["content", "time", "target", "option"],
)
def test_a_session_for_something_else(tries, onedrive_emulator, drive, *, sessions, asked, change, said, caplog):
    """What was sent is not what is meant now: it starts anew, and the old session holds no name."""
    caplog.set_level("INFO")
    onedrive_emulator.quirks.sessions_hold_names = True
    tries.interrupted()
    onedrive_emulator.requests.clear()
    item = tries.upload(stored(tries), **change(tries))
    assert asked() == (["session_cancel", "create_session", *["fragment"] * 3], TOTAL)
    assert drive.read(item.path) == tries.path.read_bytes()
    assert (len(sessions), tries.keeper.text) == (0, None)
    assert f"an upload session for another {said}" in caplog.text


@pytest.mark.parametrize("text", ['{"version": 0}', '{"version": 1, "upload_url": 5}', "{}"])
def test_a_state_that_means_nothing(tries, drive, caplog, text):
    """What another version wrote, or nobody, is no error and is said."""
    caplog.set_level("INFO")
    tries.keeper.text = text
    assert tries.upload().outcome == "created"
    assert drive.read("a.bin") == LARGE
    assert "is of another version; the upload starts anew" in caplog.text


def test_a_small_file_after_a_large_one(tries, onedrive_emulator, drive, sessions):
    """A later try that needs no session ends the kept one all the same: it would hold the name."""
    onedrive_emulator.quirks.sessions_hold_names = True
    tries.interrupted()
    tries.path.write_bytes(b"")
    assert tries.upload(stored(tries), retrying=True).outcome == "created"
    assert (drive.read("a.bin"), len(sessions), tries.keeper.text) == (b"", 0, None)


def test_a_session_where_one_put_would_do(tries, onedrive_emulator, drive, *, asked):
    """What is kept is gone on with however small the rest is."""
    tries.interrupted()
    onedrive_emulator.requests.clear()
    assert tries.upload(stored(tries), options=UploadOptions(), retrying=True).outcome == "created"
    assert asked() == (["session_status", "fragment"], TOTAL - UNIT_BYTES)
    assert drive.read("a.bin") == LARGE


# --- what becomes of the session when a try fails


@pytest.mark.parametrize("another", [True, False])
def test_an_interrupted_try(tries, sessions, caplog, another):
    """Whatever ends it, the session stays where a later try can go on with it, and is cancelled where none comes."""
    caplog.set_level("INFO")
    tries.interrupted(another=another)
    assert (len(sessions), tries.keeper.text is not None) == (another, another)
    assert ("the next attempt resumes it" in caplog.text) is another


def test_the_last_of_several_tries(tries, drive, sessions):
    """The session that an earlier try kept is cancelled when the last one fails."""
    tries.interrupted()
    tries.interrupted(another=False)
    assert (len(sessions), tries.keeper.text, drive.paths()) == (0, None, [])


def test_without_a_keeper(tries, connect, sessions):
    """Nobody could find the session, so it is cancelled."""
    with pytest.raises(KeyboardInterrupt):
        connect().upload("myfiles/a.bin", local_path=Stored(Interrupted(), tries.path), options=IN_UNITS)
    assert len(sessions) == 0


@pytest.mark.parametrize(("number", "error"), [(507, QuotaExceeded), (400, BadRequest)])
def test_an_error_that_stays(tries, faults, sessions, number, error):
    """No later try would get further, so the session is cancelled and forgotten."""
    faults.add(operation="fragment", after=1, do=status(number))
    with pytest.raises(error):
        tries.upload()
    assert (len(sessions), tries.keeper.text) == (0, None)


def test_a_source_that_changes(tries, faults, sessions):
    """The rest of another version is not added to it: the session is cancelled although another try comes."""

    class Changing(Fault):
        def before(self, request, context):
            tries.path.write_bytes(LARGE + b"more")

    faults.add(operation="fragment", do=Changing())
    with pytest.raises(SourceChanged):
        tries.upload()
    assert (len(sessions), tries.keeper.text) == (0, None)
    assert tries.upload(retrying=True).size == TOTAL + 4


def test_an_identity_that_loses_its_permission(tries, drive, sessions):
    """Where even the session cannot be asked for there is none to keep."""
    drive.deny = True
    with pytest.raises(AccessDenied):
        tries.upload()
    assert (len(sessions), tries.keeper.text) == (0, None)


@pytest.mark.parametrize("there", [LARGE, b"theirs"], ids=["ours", "theirs"])
def test_a_name_that_another_try_took(tries, drive, *, sessions, there):
    """Whether the file is ours or somebody else's, the session that is of no use any more is ended."""
    tries.interrupted(if_exists="fail")
    drive.put("a.bin", there)
    if there is LARGE:
        assert tries.upload(stored(tries), retrying=True).outcome == "already_there"
    else:
        with pytest.raises(NameAlreadyExists):
            tries.upload(stored(tries), retrying=True)
    assert (len(sessions), tries.keeper.text) == (0, None)
    assert (drive.read("a.bin"), drive.version_count("a.bin")) == (there, 1)
