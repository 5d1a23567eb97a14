"""Secrets never get into logs, errors, XCom or rendered templates."""

from __future__ import annotations

import json
import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.flows.sessions import FRAGMENT_BYTES
from airflow_provider_onedrive.operators.onedrive import OneDriveDownloadOperator, OneDriveUploadOperator

SIZE = FRAGMENT_BYTES + 1


def secrets_of(emulator: Emulator) -> set[str]:
    """Everything that may not be shown: the client secret, each token issued, each pre-authorised URL that was used."""
    state: Any = emulator._state
    tokens = set(state.tokens._tokens)
    urls = {request.target for request in emulator.requests.matching(origin="store")}
    parts = {part for url in urls for part in re.split(r"[/?&=]", url) if len(part) > 20}
    assert tokens
    drive = emulator.drive()
    # Ids are in those URLs too, and in the audit; they open nothing.
    ids = {drive.id, *(drive.item(path.rstrip("/"))["id"] for path in ("", *drive.paths()))}
    return ({emulator.client_secret} | tokens | urls | parts) - ids


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that is logged, at DEBUG, by whichever logging Airflow uses."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "msal", "urllib3", "airflow", "airflow.task"):
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: caplog.text + "".join(capfd.readouterr())


def transfer(context: Any, tmp_path: Path) -> list[Any]:
    (tmp_path / "big.bin").write_bytes(b"1" * SIZE)
    upload = OneDriveUploadOperator(task_id="up", local_path=str(tmp_path / "big.bin"), location="myfiles/big.bin")
    download = OneDriveDownloadOperator(task_id="down", location="myfiles/big.bin", local_path=str(tmp_path / "got"))
    return [upload.execute(context), download.execute(context)]


def test_a_transfer_shows_no_secret(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], tmp_path: Path, logged: Callable[[], str]
) -> None:
    """An upload by session and a download at DEBUG: what is logged and returned holds no secret."""
    result = transfer(task_context(), tmp_path)
    text = logged()
    assert "myfiles/big.bin" in text, "the transfers' own lines are there"
    assert onedrive_emulator.requests.matching(method="PUT", origin="store"), "a session was used"
    assert onedrive_emulator.requests.matching(method="GET", origin="store"), "a download URL was used"
    shown = text + json.dumps(result)
    assert [secret for secret in secrets_of(onedrive_emulator) if secret in shown] == []
    assert "tempauth" not in shown
    assert "Bearer " not in shown
    assert not onedrive_emulator.leaks


def test_one_line_per_transfer(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A transfer logs one line: location, bytes, seconds, request id and web address."""
    with caplog.at_level(logging.INFO):
        item, _ = transfer(task_context(), tmp_path)
    lines = [line for line in caplog.messages if "myfiles/big.bin" in line]
    assert len(lines) == 2
    for line in lines:
        assert re.search(rf"{SIZE} bytes in [\d.]+ s, request id [0-9a-f-]{{36}}", line), line
        assert item["web_url"] in line


@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize("code", [400, 507])  # what is tried again and again stands in tests/graph/test_secrets.py
def test_a_failed_transfer_shows_no_secret(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    tmp_path: Path,
    logged: Callable[[], str],
    method: str,
    code: int,
) -> None:
    """When the storage refuses, the error, its cause and its pickle hold no secret either."""
    onedrive_emulator.faults.add(method=method, origin="store", times=None, do=status(code, retry_after=0))
    shown = ""
    try:
        transfer(task_context(), tmp_path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it may show no secret
        causes = (error, error.__cause__, error.__context__)
        shown = "".join(f"{cause} {cause!r} {vars(cause) if cause else ''}" for cause in causes)
        shown += pickle.dumps(error.__cause__ or error).decode("latin-1")
    assert shown, "it failed"
    shown += logged()
    assert [secret for secret in secrets_of(onedrive_emulator) if secret in shown] == []
    assert "tempauth" not in shown
