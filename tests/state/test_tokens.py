"""Where tokens wait for other processes: only encrypted, only for their owner, and nothing of it ever fails a task."""

from __future__ import annotations

import errno
import json
import os
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task
from cryptography.fernet import Fernet
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.auth.token_cache import forget_all
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.files import atomic_write
from airflow_provider_onedrive.state.tokens import FileTokenStore, VariableTokenStore, cached_tokens_of

TOKEN = "the token itself"


@pytest.fixture
def token_store(tmp_path: Path) -> FileTokenStore:
    return FileTokenStore(tmp_path / "tokens/one")


def test_what_is_written_is_read(token_store: FileTokenStore, tmp_path: Path) -> None:
    """By its owner alone, and nobody can read it in the file."""
    assert token_store.read() is None
    token_store.write(TOKEN)
    assert token_store.read() == TOKEN
    token_store.write("another")
    assert token_store.read() == "another"
    (file,) = (path for path in (tmp_path / "tokens").iterdir() if path.suffix != ".lock")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "another" not in file.read_text()


@pytest.mark.parametrize(
    "content",
    ["", "garbage", "ü", Fernet(Fernet.generate_key()).encrypt(b"x").decode()],
    ids=["empty", "garbage", "not ASCII", "another key"],
)
def test_what_cannot_be_read_is_nothing(token_store: FileTokenStore, tmp_path: Path, content: str) -> None:
    """Garbage, or what another key has encrypted."""
    token_store.write(TOKEN)
    (tmp_path / "tokens/one").write_text(content, encoding="utf-8")
    assert token_store.read() is None


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, without the token, and nothing fails."""
    (tmp_path / "file").write_text("")
    token_store = FileTokenStore(tmp_path / "file/one")
    token_store.write(TOKEN)
    with token_store.alone():
        assert token_store.read() is None
    assert "No token can be stored in" in caplog.text
    assert TOKEN not in caplog.text


def test_write_follows_no_link(
    token_store: FileTokenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who may write to the folder cannot have a token written elsewhere, even if he guesses the new name."""
    token_store.write(TOKEN)
    monkeypatch.setattr(secrets, "token_hex", lambda size: "guessed")
    (tmp_path / "tokens/.one.guessed").symlink_to(tmp_path / "elsewhere")
    token_store.write("another")
    assert not (tmp_path / "elsewhere").exists()
    assert token_store.read() == TOKEN
    assert "File exists" in caplog.text


def test_write_replaces_a_link(token_store: FileTokenStore, tmp_path: Path) -> None:
    """A link in place of the file is replaced, and its target stays as it is."""
    token_store.write(TOKEN)
    (tmp_path / "tokens/one").unlink()
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "tokens/one").symlink_to(tmp_path / "elsewhere")
    token_store.write("another")
    assert ((tmp_path / "elsewhere").read_text(), token_store.read()) == ("mine", "another")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old text stays, and no half of the new one."""
    atomic_write(tmp_path / "one", "old")

    def fails(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space"):
        atomic_write(tmp_path / "one", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert (tmp_path / "one").read_text() == "old"


def test_one_at_a_time(token_store: FileTokenStore) -> None:
    """The second waits until the first has let go."""
    entered, order = threading.Event(), []

    def second() -> None:
        entered.set()
        with token_store.alone():
            order.append("second")

    with token_store.alone():
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(HANG_SECONDS)
        thread.join(0.05)
        order.append("first")
    thread.join(HANG_SECONDS)
    assert order == ["first", "second"]


@pytest.mark.usefixtures("without_key")
def test_without_a_key_nothing_is_kept(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder stays empty; the connection works all the same."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TOKEN_CACHE_FOLDER", str(tmp_path / "none"))
    with OneDriveHook().get_conn() as client:
        client.stat("myfiles")
    assert not (tmp_path / "none").exists()


def test_processes_share_a_token(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ``token_cache_folder`` one of them asks for it."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TOKEN_CACHE_FOLDER", str(tmp_path))
    for _ in range(4):
        forget_all()  # as a process that begins
        with OneDriveHook().get_conn() as client:
            client.stat("myfiles")
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1


def of_somebody(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    known = json.loads(emulator.connection)
    extra = {**known["extra"], "auth": "refresh_token", "refresh_token": emulator.refresh_token(public=True)}
    connection = {"conn_type": "onedrive", "login": known["login"], "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ONEDRIVE_DEFAULT", json.dumps(connection))
    return OneDriveHook().settings()


def test_the_newest_refresh_token_in_a_folder(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each process goes on with what the one before has left, though the old token is good for once."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__REFRESH_TOKEN_FOLDER", str(tmp_path))
    settings = of_somebody(onedrive_emulator, monkeypatch)
    for _ in range(2):
        forget_all()
        with OneDriveHook().get_conn() as client:
            client.stat("myfiles")
    (file,) = (path for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert file.name.startswith("onedrive_refresh_token_onedrive_default_")
    assert settings.refresh_token not in file.read_text()


def test_where_they_are(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Variable for tasks, unless there is a folder; nothing for an event loop, which a Variable would hold up."""
    settings = of_somebody(onedrive_emulator, monkeypatch)
    assert isinstance(cached_tokens_of("c", settings, may_block=True).refresh_token, VariableTokenStore)
    assert cached_tokens_of("c", settings, may_block=False).refresh_token is None
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__REFRESH_TOKEN_FOLDER", "/somewhere")
    assert isinstance(cached_tokens_of("c", settings, may_block=False).refresh_token, FileTokenStore)


def test_a_variable(run_dag: Any) -> None:
    """In a task it is there for the next one, encrypted; Airflow hides what such a Variable holds."""
    name = "onedrive_refresh_token_of_a_test"

    @task
    def write() -> None:
        VariableTokenStore(name).write(TOKEN)

    @task
    def read() -> str | None:
        return VariableTokenStore(name).read()

    with DAG("shelf", schedule=None) as dag:
        write() >> read()
    run = run_dag(dag)
    (ti,) = (ti for ti in run.get_task_instances() if ti.task_id == "read")
    assert ti.xcom_pull(task_ids="read") == TOKEN


def test_no_variable(airflow_db: None) -> None:
    """Outside of a task, or where there is none, the shelf is empty."""
    assert VariableTokenStore("onedrive_refresh_token_nobody_wrote").read() is None


@pytest.mark.parametrize("kind", ["everybody's folder", "another user's folder", "another user's file", "second name"])
def test_what_others_may_have_written_is_not_used(
    token_store: FileTokenStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Neither read nor written; a warning says why where nothing can be kept."""
    if os.geteuid() and "user" in kind:
        pytest.skip("only root can give a file to another user")
    token_store.write(TOKEN)
    file = tmp_path / "tokens/one"
    if kind == "everybody's folder":
        file.parent.chmod(0o777)
    elif kind == "another user's folder":
        tmp_path.chmod(0o1777)
        os.chown(file.parent, 65534, 65534)
    elif kind == "another user's file":
        os.chown(file, 65534, 65534)
    else:
        os.link(file, tmp_path / "other")
    before = file.read_bytes()
    if "folder" in kind:
        token_store.write("another")
        assert file.read_bytes() == before
        assert "No token can be stored in" in caplog.text
    else:
        assert token_store.read() is None
        token_store.write("another")
        assert token_store.read() == "another"
