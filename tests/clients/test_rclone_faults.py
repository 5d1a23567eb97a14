"""rclone survives what real services do to it; so it must survive what the emulator plays.

Which trouble rclone gets over is known from its source, and from runs against other servers: the README lists it.
"""

from __future__ import annotations

import os

import pytest

from airflow_provider_onedrive.emulator import faults

KIB = 1024
FRAGMENT_BYTES = 320 * KIB
CONTENT = os.urandom(3 * FRAGMENT_BYTES - 1000)
# One transfer at a time, and the second try comes at once.
QUICKLY = ("--onedrive-chunk-size", "320k", "--retries-sleep", "0s", "--transfers", "1")


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "up" / "file.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


SECOND_FRAGMENT = {"operation": "fragment", "after": 1}
UPLOAD_TROUBLE = {
    "a fragment is throttled": SECOND_FRAGMENT | {"do": faults.status(429, retry_after=1)},
    "a fragment meets a busy service": SECOND_FRAGMENT | {"do": faults.status(503)},
    "a fragment breaks off": SECOND_FRAGMENT | {"do": faults.cut_request(100 * KIB)},
    "half a fragment is kept": SECOND_FRAGMENT | {"do": faults.cut_request(100 * KIB, keep=True)},
    "an answer is lost": SECOND_FRAGMENT | {"do": faults.drop_after()},
    "the last answer is lost": {"operation": "fragment", "after": 2, "do": faults.drop_after()},
    "the connection is dropped": SECOND_FRAGMENT | {"do": faults.drop_before()},
    "the connection dies between two requests": {"operation": "fragment", "do": faults.answer_then_drop()},
    "the upload address is refused": SECOND_FRAGMENT | {"do": faults.status(401)},
    "a session is throttled": {"operation": "create_session", "do": faults.status(429, retry_after=1)},
    "a session meets a busy service": {"operation": "create_session", "times": 2, "do": faults.status(503)},
    "everything is slow": {"do": faults.latency(0.02), "times": None},
    "the drive is throttled": {"origin": "graph", "times": 2, "do": faults.status(429, retry_after=1)},
}


@pytest.mark.parametrize("trouble", UPLOAD_TROUBLE.values(), ids=UPLOAD_TROUBLE)
def test_upload(rclone, emulator, drive, local, trouble):
    """The file is there once and complete."""
    rule = emulator.faults.add(**trouble)
    rclone("copy", *QUICKLY, local.parent, "od:A")
    assert rule.hits >= (rule.times or 1)
    assert drive.paths() == ["A/", "A/file.bin"]
    assert drive.read("A/file.bin") == CONTENT


def test_half_a_fragment_is_continued(rclone, emulator, local):
    """After a 416 rclone asks how far the session is and sends only what is missing."""
    emulator.faults.add(**UPLOAD_TROUBLE["half a fragment is kept"])
    rclone("copy", *QUICKLY, local.parent, "od:A")
    sent = emulator.requests.matching(operation="fragment")
    assert [entry.status for entry in sent] == [202, None, 416, 202, 201]
    assert sent[3].received_bytes == FRAGMENT_BYTES - 100 * KIB
    assert len(emulator.requests.matching(operation="create_session")) == 1


def test_a_lost_session(rclone, emulator, drive, local):
    """A session that is gone for good is begun anew, with the whole file."""
    emulator.faults.add(operation="fragment", after=1, times=2, do=faults.status(401))
    rclone("copy", *QUICKLY, local.parent, "od:A")
    assert drive.read("A/file.bin") == CONTENT
    assert len(emulator.requests.matching(operation="create_session")) > 1


DOWNLOAD_TROUBLE = {
    "the address is throttled": {"operation": "content", "do": faults.status(429, retry_after=1)},
    "the address meets a busy service": {"operation": "content", "do": faults.status(503)},
    "the address has expired": {"operation": "download", "do": faults.status(403)},
    "the download is throttled": {"operation": "download", "do": faults.status(429, retry_after=1)},
    "the body breaks off": {"operation": "download", "do": faults.cut_response(100 * KIB)},
    "the body breaks off again and again": {"operation": "download", "times": 3, "do": faults.cut_response(100 * KIB)},
    "the body comes slowly": {
        "operation": "download",
        "do": faults.bandwidth(down_bytes_per_second=2 * 1024 * KIB),
    },
}


@pytest.mark.parametrize("trouble", DOWNLOAD_TROUBLE.values(), ids=DOWNLOAD_TROUBLE)
def test_download(rclone, emulator, drive, tmp_path, trouble):
    """The file arrives complete."""
    drive.put("A/file.bin", CONTENT)
    rule = emulator.faults.add(**trouble)
    rclone("copy", *QUICKLY, "od:A", tmp_path / "down")
    assert rule.hits >= (rule.times or 1)
    assert (tmp_path / "down/file.bin").read_bytes() == CONTENT


def test_token_endpoint_is_busy(rclone, emulator, drive):
    """Entra is throttled too, and asked again."""
    drive.put("a.txt", b"")
    rule = emulator.faults.add(operation="token", do=faults.status(503))
    assert rclone("lsf", "od:") == "a.txt\n"
    assert rule.hits == 1


def test_trouble_all_the_time(rclone, emulator, drive, tmp_path):
    """Of all requests every fifth fails, and in the end everything is there."""
    folder = tmp_path / "up"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(str(number))
    rule = emulator.faults.add(every=5, do=faults.status(503))
    rclone("copy", *QUICKLY, folder, "od:A")
    rclone("check", *QUICKLY, folder, "od:A")
    assert [drive.read(f"A/{number}.txt") for number in range(6)] == [b"%d" % number for number in range(6)]
    assert rule.hits > 2
