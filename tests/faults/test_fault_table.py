"""The faults that other clients were measured with, 25 MiB each, through the operators: ours survive all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import cut_request, cut_response, drop_after, end_session, status
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES
from airflow_provider_onedrive.operators.onedrive import OneDriveDownloadOperator, OneDriveUploadOperator

SIZE = 25 * 1024 * 1024
FRAGMENT = 16 * UNIT_BYTES
"""Five of them are the file."""


SECOND = {"operation": "fragment", "after": 1}
NO_LONGER = status(401)
UPLOADS = {
    "429 with Retry-After on the 2nd fragment": ([SECOND | {"do": status(429, retry_after=1)}], FRAGMENT),
    "503 on the 2nd fragment": ([SECOND | {"do": status(503)}], FRAGMENT),
    "cut in a fragment, nothing kept": ([SECOND | {"do": cut_request(FRAGMENT // 2)}], FRAGMENT // 2),
    "cut in a fragment, half kept": ([SECOND | {"do": cut_request(FRAGMENT // 2, keep=True)}], 0),
    "fragment stored, answer lost": ([SECOND | {"do": drop_after()}], 0),
    "last fragment stored, answer lost": ([{"operation": "fragment", "after": 4, "do": drop_after()}], 0),
    "session gone (404)": ([SECOND | {"do": end_session()}], 2 * FRAGMENT),
    "upload URL 401": ([SECOND | {"do": NO_LONGER}, {"operation": "session_status", "do": NO_LONGER}], 2 * FRAGMENT),
    "429 on createUploadSession": ([{"operation": "create_session", "do": status(429, retry_after=1)}], 0),
    "503 twice on createUploadSession": ([{"operation": "create_session", "times": 2, "do": status(503)}], 0),
}
"""What happens, and how many bytes more than the file's may be sent then."""
DOWNLOADS = {
    "429 on the item": ([{"operation": "get", "do": status(429, retry_after=1)}], 0),
    "503 on the item": ([{"operation": "get", "do": status(503)}], 0),
    "download URL 403 once": ([{"operation": "download", "do": status(403)}], 0),
    "download URL 429 once": ([{"operation": "download", "do": status(429, retry_after=1)}], 0),
    "body cut once": ([{"operation": "download", "do": cut_response(SIZE // 3)}], 0),
    "body cut three times": ([{"operation": "download", "times": 3, "do": cut_response(SIZE // 5)}], 0),
}
"""What happens, and how many bytes more than the file's may come then."""


def cells(row: dict[str, Any]) -> Callable[..., Any]:
    return pytest.mark.parametrize(("rules", "more"), row.values(), ids=row)


def say(request: pytest.FixtureRequest, moved: int) -> None:
    """Print the cell; ``pytest -rP`` shows the row."""
    print(f"{request.node.callspec.id}: ok, {moved - SIZE} bytes more than the file")  # noqa: T201 - the row


@pytest.fixture(scope="module")
def content() -> bytes:
    return hashlib.shake_128(b"25 MiB").digest(SIZE)


@cells(UPLOADS)
def test_upload(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    tmp_path: Path,
    content: bytes,
    rules: list[dict[str, Any]],
    more: int,
    request: pytest.FixtureRequest,
) -> None:
    """The whole file is there, and little more than it was sent."""
    (tmp_path / "a.bin").write_bytes(content)
    hit = [onedrive_emulator.faults.add(**rule) for rule in rules]
    operator = OneDriveUploadOperator(
        task_id="task", local_path=str(tmp_path / "a.bin"), location="myfiles/a.bin", fragment_bytes=FRAGMENT
    )
    operator.execute(task_context())
    assert all(rule.hits for rule in hit)
    assert onedrive_emulator.drive().read_all() == {"a.bin": content}
    assert onedrive_emulator.drive().version_count("a.bin") == 1
    received = onedrive_emulator.requests.total(operation="fragment").received_bytes
    say(request, received)
    assert SIZE <= received <= SIZE + more


@cells(DOWNLOADS)
def test_download(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    task_context: Callable[..., Any],
    tmp_path: Path,
    content: bytes,
    rules: list[dict[str, Any]],
    more: int,
    request: pytest.FixtureRequest,
) -> None:
    """The whole file is there, and what had come before a cut did not come again."""
    onedrive_emulator.drive().put("a.bin", content)
    hit = [onedrive_emulator.faults.add(**rule) for rule in rules]
    target = tmp_path / "here" / "a.bin"
    OneDriveDownloadOperator(task_id="task", location="myfiles/a.bin", local_path=str(target)).execute(task_context())
    assert all(rule.hits for rule in hit)
    assert [(path.name, path.read_bytes() == content) for path in target.parent.iterdir()] == [("a.bin", True)]
    sent = sum(
        each.sent_bytes for each in onedrive_emulator.requests.matching(operation="download") if each.status < 300
    )
    say(request, sent)
    assert SIZE <= sent <= SIZE + more
