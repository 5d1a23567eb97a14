"""The storage of contents and its cost."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.model.contents import SPOOL_BYTES, Content
from airflow_provider_onedrive.emulator.model.spool import Spool

UNIT = 320 * 1024
LARGE = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def plain():
    """An emulator without TLS."""
    with Emulator(tls=False) as emulator:
        yield emulator


@pytest.fixture
def store(plain):
    """Send to the second origin, and create sessions there."""
    with httpx.Client(verify=False, trust_env=False) as client:
        yield client


@pytest.fixture
def session(plain, store):
    plain.reset()
    headers = {"Authorization": f"Bearer {plain.token()}"}
    address = f"{plain.graph_url}/v1.0/drives/{plain.drive().id}/root:/a.bin:/createUploadSession"
    return store.post(address, json={}, headers=headers).json()["uploadUrl"]


def start_fragment(url, start, size, total):
    """Open a connection and send the head of a fragment."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    place = f"Content-Range: bytes {start}-{start + size - 1}/{total}\r\nContent-Length: {size}\r\n"
    connection.sendall(f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n{place}\r\n".encode())
    return connection


def status(connection):
    with connection.makefile("rb") as answer:
        return int(answer.readline().split()[1])


@pytest.mark.parametrize("size", [0, 1, SPOOL_BYTES - 1, SPOOL_BYTES, SPOOL_BYTES + 1, 3 * SPOOL_BYTES])
def test_reading(size):
    """Any range of a content can be read, independent of the pieces that it was written in."""
    data = (LARGE * 4)[:size]
    content = Content()
    for start in range(0, size, 100_003):
        content.append(data[start : start + 100_003])
    assert content.size == size
    assert (content.path is None) == (size <= SPOOL_BYTES)
    assert content.read() == data
    assert b"".join(content.pieces(5, size - 5, 70_001)) == data[5 : max(5, size - 5)]
    assert list(content.pieces(size, size + 5)) == []


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


def test_files_are_open_only_while_they_are_used():
    """Thousands of large contents hold no open file."""
    before = open_files()
    contents = [Content(LARGE) for _ in range(300)]
    assert open_files() <= before + 2
    paths = [content.path for content in contents]
    assert all(path.exists() for path in paths)
    reading = contents[0].pieces(piece_bytes=1000)
    first = next(reading)
    del contents
    gc.collect()
    assert not any(path.exists() for path in paths[1:])
    assert first + b"".join(reading) == LARGE
    del reading
    gc.collect()
    assert not paths[0].exists()


def test_what_a_killed_process_leaves_is_swept(tmp_path, monkeypatch):
    """The next process removes the directories of processes that have ended, and no others."""
    code = """
        import os, signal
        from airflow_provider_onedrive.emulator.model.contents import Content
        content = Content(b"x" * 1_000_000)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    (left,) = tmp_path.iterdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living = Spool()
    file = living.new_file()
    assert not left.exists()
    other = Spool()
    assert other.new_file().exists()
    assert file.exists()
    del living, other
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_process_leaves_nothing(tmp_path):
    """A process that ends normally removes its files; a forked child removes nothing."""
    code = """
        import os, sys
        from airflow_provider_onedrive.emulator.model.contents import Content
        content = Content(b"x" * 1_000_000)
        if os.fork() == 0:
            sys.exit()
        os.wait()
        assert content.read() == b"x" * 1_000_000
    """
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_newer_of_two_connections_counts(plain, session, store):
    """A fragment that is sent again while its first connection still hangs is taken; the first one changes nothing."""
    size = 2 * UNIT
    hanging = start_fragment(session, 0, size, size)
    hanging.sendall(b"x" * UNIT)
    place = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    wait_until_expected(plain)
    assert store.put(session, content=b"y" * size, headers=place).status_code == 201
    hanging.sendall(b"x" * UNIT)
    assert status(hanging) in {404, 416}
    hanging.close()
    assert plain.drive().read("a.bin") == b"y" * size


def wait_until_expected(emulator):
    """Wait until the head of a fragment was read, after which its bytes are expected."""
    (session,) = emulator.state.sessions._sessions.values()
    pause = threading.Event()
    for _ in range(2000):
        if session.arriving is not None:
            return
        pause.wait(0.005)
    raise AssertionError("It did not come.")


def test_a_broken_fragment_leaves_nothing(plain, session, store):
    """A broken fragment is dropped, and the next one is written at the same position."""
    size = 2 * UNIT
    broken = start_fragment(session, 0, size, size)
    broken.sendall(b"x" * (size - 1))
    broken.close()
    assert store.get(session).json()["nextExpectedRanges"] == ["0-"]
    place = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    assert store.put(session, content=b"y" * size, headers=place).status_code == 201
    assert plain.drive().read("a.bin") == b"y" * size


def test_a_fragment_costs_what_it_is_long(plain, session, store):
    """The tenth fragment is taken without touching the nine before: all of them are written into one file."""
    total = 10 * UNIT
    (kept,) = plain.state.sessions._sessions.values()
    paths: set[Path] = set()
    for number in range(10):
        headers = {"Content-Range": f"bytes {number * UNIT}-{(number + 1) * UNIT - 1}/{total}"}
        reply = store.put(session, content=bytes([number]) * UNIT, headers=headers)
        assert reply.status_code == (201 if number == 9 else 202)
        paths.add(kept.content.path)
        assert kept.content.size == (number + 1) * UNIT
    assert len(paths) == 1
    assert plain.drive().read("a.bin") == b"".join(bytes([number]) * UNIT for number in range(10))


def test_plain_http(plain, store):
    """Without TLS all URLs are plain HTTP and work."""
    headers = {"Authorization": f"Bearer {plain.token()}"}
    address = f"{plain.graph_url}/v1.0/drives/{plain.drive().id}/root:/b.bin:/content"
    assert address.startswith("http://localhost:")
    item = store.put(address, content=LARGE, headers=headers).json()
    assert item["@microsoft.graph.downloadUrl"].startswith("http://localhost:")
    assert store.get(item["@microsoft.graph.downloadUrl"]).content == LARGE
