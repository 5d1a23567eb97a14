"""Locks, check-outs, notebooks and upload sessions survive a restart."""

from __future__ import annotations

from contextlib import contextmanager

import httpx
import pytest

from airflow_provider_onedrive.emulator import Emulator


@pytest.fixture
def running(tmp_path):
    """Run an emulator on the same directory, and send to the first user's drive."""

    @contextmanager
    def run():
        with Emulator(root=tmp_path / "store", tls=False) as emulator:
            headers = {"Authorization": f"Bearer {emulator.token()}"}
            base = f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}"
            with httpx.Client(base_url=base, headers=headers, verify=False, trust_env=False) as graph:
                yield emulator, graph

    return run


def test_locks_and_checkouts(running):
    """A locked file stays locked, and a checked out one remembers by whom and since when."""
    with running() as (emulator, graph):
        drive = emulator.drive()
        drive.put("locked.txt", b"1")
        drive.put("mine.txt", b"1")
        drive.lock("locked.txt")
        anna = {"Authorization": f"Bearer {emulator.token(emulator.users[0])}"}
        assert graph.post("/root:/mine.txt:/checkout", headers=anna).status_code == 204
        assert graph.put("/root:/mine.txt:/content", content=b"22", headers=anna).status_code == 200
    with running() as (emulator, graph):
        drive = emulator.drive()
        assert graph.put("/root:/locked.txt:/content", content=b"2").status_code == 423
        assert graph.put("/root:/mine.txt:/content", content=b"2").status_code == 423
        assert graph.post("/root:/mine.txt:/discardCheckout").status_code == 204
        assert drive.read("mine.txt") == b"1"
        drive.unlock("locked.txt")
        assert graph.put("/root:/locked.txt:/content", content=b"2").status_code == 200


def test_notebooks(running):
    """A package stays one."""
    with running() as (emulator, _):
        emulator.drive().notebook("Notes")
    with running() as (_, graph):
        assert graph.get("/root:/Notes").json()["package"] == {"type": "oneNote"}


def test_deferred_sessions(running):
    """A session whose commit is deferred can be committed later, under its conditions."""
    with running() as (emulator, graph):
        url = graph.post("/root:/a.bin:/createUploadSession", json={"deferCommit": True}).json()["uploadUrl"]
        place = {"Content-Range": "bytes 0-2/*"}
        assert httpx.put(url, content=b"123", headers=place, verify=False, trust_env=False).status_code == 202
    with running() as (emulator, _):
        url = f"{emulator.store_url}/" + url.split("/", 3)[3]
        assert httpx.post(url, content=b"", verify=False, trust_env=False).status_code == 201
        assert emulator.drive().read("a.bin") == b"123"


def test_copies_share_what_they_copy(running):
    """A copy of many files costs no second copy of their bytes, and both are there again."""
    content = bytes(range(256)) * 4096
    with running() as (emulator, graph):
        emulator.options.copy_poll_count = 0
        emulator.drive().put("a/b.bin", content)
        assert graph.post("/root:/a:/copy", json={"name": "c"}).status_code == 202
        graph.delete("/root:/a")
    with running() as (emulator, _):
        assert emulator.drive().read("c/b.bin") == content
