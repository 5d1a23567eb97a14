"""A try fails in the middle of a large file; the next one, on whatever worker, sends only what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.compat import get_fernet
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import ServiceUnavailable
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)

FRAGMENT = 10 * 327_680
SIZE = 4 * FRAGMENT + 7
BUSY = status(503, retry_after=400)
"""Longer than anybody waits: the try ends at once."""

RunTask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _pauses_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER", "off")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "big.bin"
    path.write_bytes(hashlib.shake_128(b"big").digest(SIZE))
    return path


@pytest.fixture
def kwargs(source: Path) -> dict[str, Any]:
    return {
        "task_id": "task",
        "local_path": str(source),
        "location": "myfiles/big.bin",
        "fragment_bytes": FRAGMENT,
        "retries": 2,
    }


def sent_bytes(emulator: Emulator) -> int:
    """Count what the fragments so far have brought."""
    return sum(request.received_bytes for request in emulator.requests.matching(operation="fragment"))


def end_faults(emulator: Emulator) -> None:
    """Let it be later: nothing fails any more, and the pause that was asked for is over."""
    emulator.faults.clear()
    cooldown.forget_all()


def fail_after(emulator: Emulator, fragments: int) -> None:
    end_faults(emulator)
    emulator.faults.add(operation="fragment", after=fragments, times=None, do=BUSY)


@pytest.mark.airflow3
@pytest.mark.parametrize("operator", [OneDriveUploadOperator, OneDriveUpdateOperator, OneDriveSaveOperator])
def test_the_next_try_goes_on(
    onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any], source: Path, operator: Any
) -> None:
    """In the task runner: what the first try sent is not sent again, and the state is gone afterwards."""
    if operator is OneDriveUpdateOperator:
        onedrive_emulator.drive().put("big.bin", b"old")
    store: dict[str, Any] = {}
    fail_after(onedrive_emulator, 3)
    first = run_task(operator(**kwargs), store=store)
    assert (first.state, list(store)) == ("up_for_retry", ["onedrive_upload"])
    end_faults(onedrive_emulator)
    before = sent_bytes(onedrive_emulator)
    second = run_task(operator(**kwargs), try_number=2, store=store)
    assert (second.state, second.error, store) == ("success", None, {"onedrive_try_2": 2})
    assert sent_bytes(onedrive_emulator) - before == SIZE - 3 * FRAGMENT
    assert onedrive_emulator.drive().read("big.bin") == source.read_bytes()
    assert len(onedrive_emulator.requests.matching(operation="create_session")) == 1


@pytest.mark.airflow3
def test_what_is_kept_shows_no_secret(onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any]) -> None:
    """Whoever may see the task can read the store: it holds ciphertext, and the upload URL is nowhere in the clear."""
    store: dict[str, Any] = {}
    fail_after(onedrive_emulator, 1)
    end = run_task(OneDriveUploadOperator(**kwargs), store=store)
    state = json.loads(get_fernet().decrypt(store["onedrive_upload"].encode()))
    secret = state["upload_url"].partition("tempauth=")[2]
    assert state["version"] == 1
    assert len(secret) > 20
    assert secret not in end.sent + store["onedrive_upload"] + str(end.error)
    assert "tempauth" not in end.sent


@pytest.mark.airflow3
@pytest.mark.parametrize("change", ["source", "target", "if_exists"])
def test_a_change_starts_anew(
    onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any], source: Path, change: str
) -> None:
    """Another source, target or choice is another upload: the old session is cancelled and everything is sent."""
    store: dict[str, Any] = {}
    fail_after(onedrive_emulator, 3)
    run_task(OneDriveUploadOperator(**kwargs), store=store)
    end_faults(onedrive_emulator)
    changes: dict[str, Any] = {}
    if change == "source":
        source.write_bytes(os.urandom(SIZE))
    else:
        changes = {"target": {"location": "myfiles/other.bin"}, "if_exists": {"if_exists": "replace"}}[change]
    before = sent_bytes(onedrive_emulator)
    assert run_task(OneDriveUploadOperator(**kwargs | changes), try_number=2, store=store).state == "success"
    assert sent_bytes(onedrive_emulator) - before == SIZE
    assert len(onedrive_emulator.requests.matching(operation="session_cancel")) == 1
    assert len(onedrive_emulator.state.sessions) == 0
    assert onedrive_emulator.drive().read("other.bin" if change == "target" else "big.bin") == source.read_bytes()


@pytest.mark.airflow3
@pytest.mark.parametrize("kept", ["no ciphertext", {"version": 99}, ["a list"], 7])
def test_what_makes_no_sense_starts_anew(
    onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any], kept: Any
) -> None:
    """Garbage, and the state of another version, do not stop a try."""
    text = kept if isinstance(kept, (str, int)) else get_fernet().encrypt(json.dumps(kept).encode()).decode()
    store = {"onedrive_upload": text}
    assert run_task(OneDriveUploadOperator(**kwargs), try_number=2, store=store).state == "success"
    assert onedrive_emulator.drive().paths() == ["big.bin"]


@pytest.mark.airflow3
def test_the_last_try_leaves_no_session(onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any]) -> None:
    """Where no other try follows, the session is cancelled and nothing is kept."""
    store: dict[str, Any] = {}
    fail_after(onedrive_emulator, 1)
    end = run_task(OneDriveUploadOperator(**kwargs), try_number=3, max_tries=2, store=store)
    assert isinstance(end.error, ServiceUnavailable)
    assert (store, len(onedrive_emulator.state.sessions)) == ({"onedrive_try_2": 2, "onedrive_try_3": 3}, 0)


@pytest.mark.airflow3
def test_a_refusal_leaves_no_session(onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any]) -> None:
    """An error that no retry can cure ends the session too."""
    store: dict[str, Any] = {}
    onedrive_emulator.faults.add(operation="fragment", after=1, times=None, do=status(507))
    assert run_task(OneDriveUploadOperator(**kwargs), store=store).state == "failed"
    assert (store, len(onedrive_emulator.state.sessions)) == ({}, 0)


@pytest.fixture
def resume_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where an Airflow without a task state store keeps sessions."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_without_a_task_state_store(
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    kwargs: dict[str, Any],
    source: Path,
    resume_directory: Path,
) -> None:
    """Below Airflow 3.3 a file that only its owner can read, encrypted too, takes the store's place."""
    fail_after(onedrive_emulator, 3)
    with pytest.raises(ServiceUnavailable):
        OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=2))
    (file,) = resume_directory.iterdir()
    assert (file.stat().st_mode & 0o777, resume_directory.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "upload_url" in json.loads(get_fernet().decrypt(file.read_bytes()))
    end_faults(onedrive_emulator)
    before = sent_bytes(onedrive_emulator)
    OneDriveUploadOperator(**kwargs).execute(task_context(try_number=2, max_tries=2))
    assert sent_bytes(onedrive_emulator) - before == SIZE - 3 * FRAGMENT
    assert onedrive_emulator.drive().read("big.bin") == source.read_bytes()
    assert [path.suffix for path in resume_directory.iterdir()] == [".try2"]


def test_another_task_does_not_take_it_up(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], kwargs: dict[str, Any], resume_directory: Path
) -> None:
    """What is kept belongs to one task instance."""
    fail_after(onedrive_emulator, 1)
    with pytest.raises(ServiceUnavailable):
        OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=2))
    end_faults(onedrive_emulator)
    before = sent_bytes(onedrive_emulator)
    OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=2, task_id="other"))
    assert sent_bytes(onedrive_emulator) - before == SIZE
    assert len(list(resume_directory.iterdir())) == 1


def test_a_directory_that_cannot_be_written(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], kwargs: dict[str, Any], resume_directory: Path
) -> None:
    """Not being able to keep a session is no reason to fail; a failure then cancels it."""
    resume_directory.write_text("a file is in the way")
    OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=2))
    fail_after(onedrive_emulator, 1)
    with pytest.raises(ServiceUnavailable):
        OneDriveSaveOperator(**kwargs).execute(task_context(max_tries=2))
    assert len(onedrive_emulator.state.sessions) == 0


def test_without_a_fernet_key(
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    kwargs: dict[str, Any],
    resume_directory: Path,
    without_key: None,
) -> None:
    """Nothing is kept in the clear: without a key the session is cancelled when a try fails."""
    assert get_fernet() is None
    fail_after(onedrive_emulator, 1)
    with pytest.raises(ServiceUnavailable):
        OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=2))
    assert not resume_directory.exists()
    assert len(onedrive_emulator.state.sessions) == 0


@pytest.mark.airflow3
@pytest.mark.parametrize("pattern", ["", "*.bin"])
def test_the_large_files_of_a_folder_go_on_too(
    onedrive_emulator: Emulator, run_task: RunTask, kwargs: dict[str, Any], source: Path, pattern: str
) -> None:
    """Each has a session of its own in the store; what was sent of it, and the other files, are not sent again."""
    for number in range(3):
        (source.parent / f"small{number}.bin").write_bytes(b"x")
    given = kwargs | {"local_path": f"{source.parent}/{pattern}", "location": "myfiles/in/", "create_folders": True}
    given |= {"single_put_bytes": FRAGMENT}
    store: dict[str, Any] = {}
    fail_after(onedrive_emulator, 3)
    first = run_task(OneDriveUploadOperator(**given), store=store)
    assert (first.state, len(store)) == ("up_for_retry", 1)
    end_faults(onedrive_emulator)
    before = sent_bytes(onedrive_emulator)
    second = run_task(OneDriveUploadOperator(**given), try_number=2, store=store)
    assert (second.state, second.error, store) == ("success", None, {"onedrive_try_2": 2})
    assert sent_bytes(onedrive_emulator) - before == SIZE - 3 * FRAGMENT
    assert onedrive_emulator.drive().read("in/big.bin") == source.read_bytes()
    assert len(onedrive_emulator.requests.matching(operation="create_session")) == 1
    assert len(onedrive_emulator.requests.matching(operation="upload")) == 3
