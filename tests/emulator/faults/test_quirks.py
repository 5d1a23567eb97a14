"""Quirks of SharePoint, each switched on by itself."""

from __future__ import annotations

import io
import ssl
import zipfile

import httpx
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Budget, status
from airflow_provider_onedrive.emulator.model.quickxor import quick_xor_hash

UNIT = 320 * 1024


@pytest.fixture
def quirks(emulator):
    return emulator.quirks


@pytest.fixture
def docx():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("word/document.xml", b"<a/>")
    return file.getvalue()


@pytest.fixture
def put(graph, http):
    """Upload by PUT, or through a session."""

    def send(name, content, *, way="put"):
        if way == "put":
            return graph.put(f"/root:/{name}:/content", content=content)
        session = graph.post(f"/root:/{name}:/createUploadSession", json={}).json()["uploadUrl"]
        headers = {"Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}
        return http.put(session, content=content, headers=headers)

    return send


def _hash(data):
    return quick_xor_hash([data])


def test_off(put, drive, docx):
    """Nothing of it happens unless it is switched on."""
    assert put("a.docx", docx).json()["size"] == len(docx)
    assert drive.read("a.docx") == docx


@pytest.mark.parametrize("way", ["put", "session"])
def test_rewritten(put, drive, quirks, docx, way):
    """An Office file is rewritten after the upload, and the answer has its new size, hash and tags."""
    quirks.rewrite_office = True
    reply = put("a.docx", docx, way=way)
    item, stored = reply.json(), drive.read("a.docx")
    assert (reply.status_code, item["size"]) == (201, len(stored))
    assert len(stored) > len(docx)
    assert item["file"]["hashes"]["quickXorHash"] == _hash(stored)
    assert reply.headers["ETag"] == item["eTag"] == drive.item("a.docx")["eTag"]
    assert zipfile.ZipFile(io.BytesIO(stored)).testzip() is None
    assert drive.version_count("a.docx") == 1
    assert drive.item()["size"] == len(stored)


@pytest.mark.parametrize("way", ["put", "session"])
def test_rewritten_later(put, graph, quirks, docx, way):
    """The answer has the sent size and hash, and the next read has the rewritten ones."""
    quirks.rewrite_office, quirks.rewrite_in_answer = True, False
    sent = put("a.docx", docx, way=way).json()
    assert (sent["size"], sent["file"]["hashes"]["quickXorHash"]) == (len(docx), _hash(docx))
    read = graph.get("/root:/a.docx").json()
    stored = graph.get("/root:/a.docx:/content", follow_redirects=True).content
    assert (read["size"], read["file"]["hashes"]["quickXorHash"]) == (len(stored), _hash(stored))
    assert read["size"] > sent["size"]
    assert read["eTag"] != sent["eTag"]
    assert read["cTag"] != sent["cTag"]


def test_rewriting_is_kept(tmp_path, docx):
    """A rewritten file survives a restart of the emulator."""
    with Emulator(root=tmp_path) as emulator:
        emulator.quirks.rewrite_office = True
        url = f"{emulator.graph_url}/v1.0/users/{emulator.users[0]}/drive/root:/a.docx:/content"
        trust = ssl.create_default_context(cadata=emulator.ca_certificate)
        headers = {"Authorization": f"Bearer {emulator.token()}"}
        with httpx.Client(verify=trust, trust_env=False, headers=headers) as client:
            etag = client.put(url, content=docx).json()["eTag"]
        stored = emulator.drive().read("a.docx")
    with Emulator(root=tmp_path) as emulator:
        assert emulator.drive().read("a.docx") == stored != docx
        assert emulator.drive().item("a.docx")["eTag"] == etag


def test_rewriting_with_select(graph, drive, quirks, docx):
    """A file is rewritten although ``$select`` reduces the answer, whose values are correct."""
    quirks.rewrite_office = True
    reply = graph.put("/root:/a.docx:/content?$select=size", content=docx)
    assert reply.json()["size"] == len(drive.read("a.docx")) > len(docx)


def test_other_files_are_left_alone(put, drive, quirks):
    """A CSV file is not rewritten."""
    quirks.rewrite_office = True
    assert put("a.csv", b"a,b").json()["size"] == 3
    assert drive.read("a.csv") == b"a,b"


def test_a_session_is_rewritten_when_it_ends(graph, http, quirks):
    """A fragment that is not the last changes nothing."""
    quirks.rewrite_office = True
    session = graph.post("/root:/a.html:/createUploadSession", json={}).json()["uploadUrl"]
    first = {"Content-Range": f"bytes 0-{UNIT - 1}/{UNIT + 1}"}
    last = {"Content-Range": f"bytes {UNIT}-{UNIT}/{UNIT + 1}"}
    assert http.put(session, content=b"x" * UNIT, headers=first).status_code == 202
    assert http.put(session, content=b"x", headers=last).json()["size"] > UNIT + 1


def test_hash_missing(put, graph, quirks):
    """The hash is missing in the answer and in the first reads after it, alone or in a listing."""
    quirks.hash_missing_reads = 2
    assert "hashes" not in put("a", b"x").json()["file"]
    assert "hashes" not in graph.get("/root:/a").json()["file"]
    assert "hashes" not in graph.get("/root/children").json()["value"][0]["file"]
    assert graph.get("/root:/a").json()["file"]["hashes"]["quickXorHash"] == _hash(b"x")


def test_invisible_file(put, graph, drive, quirks):
    """A new file is missing by path at first, but not by id; a replaced file is visible."""
    drive.put("old", b"x")
    quirks.invisible_reads = 2
    item = put("new", b"x").json()
    put("old", b"y")
    assert put("new", b"y").status_code == 200
    assert graph.get(f"/items/{item['id']}").status_code == 200
    assert [graph.get("/root:/new").status_code for _ in range(3)] == [404, 404, 200]
    assert graph.get("/root:/old").status_code == 200


def test_invisible_folder(put, graph, quirks):
    """Requests below a new folder are 404 at first."""
    quirks.invisible_reads = 3
    folder = graph.post("/root/children", json={"name": "new", "folder": {}})
    assert folder.status_code == 201
    assert put("new/a", b"x").status_code == 404
    assert graph.post("/root:/new/b:/createUploadSession", json={}).status_code == 404
    assert graph.post("/root:/new:/children", json={"name": "c", "folder": {}}).status_code == 404
    assert put("new/a", b"x").status_code == 201


def test_special_folders(graph, emulator, quirks):
    """A path below a special folder addresses the same file."""
    graph.base_url = f"{emulator.graph_url}/v1.0/me/drive"
    graph.headers["Authorization"] = f"Bearer {emulator.token(emulator.users[0])}"
    quirks.locked_writes = 1
    assert graph.put("/special/approot:/a:/content", content=b"x").status_code == 201
    assert graph.put("/special/approot:/a:/content", content=b"y").status_code == 423
    assert graph.put("/special/approot:/a:/content", content=b"y").status_code == 200


def test_session_not_yet_visible(graph, http, quirks, error):
    """The first requests to a new upload URL find no session."""
    quirks.session_invisible_uses = 2
    session = graph.post("/root:/a:/createUploadSession", json={}).json()["uploadUrl"]
    assert error(http.put(session, content=b"x", headers={"Content-Range": "bytes 0-0/1"})) == (
        404,
        "itemNotFound",
        "The upload session was not found",
    )
    assert [http.get(session).status_code for _ in range(2)] == [404, 200]
    assert http.put(session, content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 201


def test_tempauth(graph, http, quirks, error):
    """An upload URL is refused before its session expires; a new session works."""
    now = [0.0]
    quirks.tempauth_seconds, quirks.clock = 60, lambda: now[0]
    session = graph.post("/root:/a:/createUploadSession", json={}).json()
    assert http.get(session["uploadUrl"]).status_code == 200
    now[0] = 60
    assert error(http.get(session["uploadUrl"])) == (403, "accessDenied", "Access denied")
    assert http.put(session["uploadUrl"], content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 403
    fresh = graph.post("/root:/a:/createUploadSession", json={}).json()["uploadUrl"]
    assert http.put(fresh, content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 201


def test_retry_after_missing(graph, emulator, quirks):
    """429 and 503 have no Retry-After, from any source."""
    quirks.retry_after_missing = True
    emulator.faults.add(do=status(503, retry_after=2))
    assert "Retry-After" not in graph.get("/root").headers
    emulator.throttling = Budget(units_per_minute=1)
    graph.get("/root")
    refused = graph.get("/root")
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, False)


def test_editor_opens(graph, drive, quirks, error):
    """An editor opens the file after it was read: its eTag moves, its content does not."""
    drive.put("a", b"x")
    quirks.editor_opens = 1
    first, second = (graph.get("/root:/a").json() for _ in range(2))
    assert first["eTag"] != second["eTag"]
    assert (first["cTag"], first["lastModifiedDateTime"]) == (second["cTag"], second["lastModifiedDateTime"])
    stale = graph.put("/root:/a:/content", content=b"y", headers={"If-Match": first["eTag"]})
    assert error(stale)[:2] == (412, "notAllowed")
    assert graph.put("/root:/a:/content", content=b"y", headers={"If-Match": second["eTag"]}).status_code == 200


def test_open_in_editor(graph, drive, error):
    """A test can open a file itself."""
    etag = drive.put("a", b"x")["eTag"]
    drive.open_in_editor("a")
    assert error(graph.put("/root:/a:/content", content=b"y", headers={"If-Match": etag}))[0] == 412


def test_locked(put, graph, drive, quirks):
    """The first changes of each file are refused; reading is not, and new files are not."""
    drive.put("a", b"x")
    quirks.locked_writes = 2
    assert graph.get("/root:/a").status_code == 200
    assert put("new", b"x").status_code == 201
    assert (
        graph.post("/root:/a:/createUploadSession", json={}).json()["error"]["innerError"]["code"] == "resourceLocked"
    )
    assert graph.patch("/root:/a", json={"name": "b"}).status_code == 423
    assert graph.patch("/root:/a", json={"name": "b"}).status_code == 200
    assert graph.delete("/root:/new").status_code == 423


@pytest.mark.parametrize("way", ["put", "session"])
def test_failing_commit(put, drive, quirks, error, way):
    """The upload is answered with an error although the file is there."""
    quirks.failing_commits = 1
    assert error(put("a", b"x", way=way))[:2] == (500, "generalException")
    assert drive.read("a") == b"x"
    assert put("b", b"x", way=way).status_code == 201


def test_reset(emulator, quirks):
    """A reset switches all of them off."""
    quirks.rewrite_office = True
    emulator.reset()
    assert emulator.quirks.are_off
