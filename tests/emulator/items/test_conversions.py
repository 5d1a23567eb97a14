"""content?format=pdf, and notebooks."""

from __future__ import annotations

import re

import pytest


def test_pdf(graph, http, drive):
    """A document is answered with a PDF, whose cross-reference table is right."""
    drive.put("Übersicht (1).docx", b"no real document")
    reply = graph.get("/root:/Übersicht (1).docx:/content?format=pdf")
    assert reply.status_code == 302
    document = http.get(reply.headers["Location"])
    assert (document.status_code, document.headers["Content-Type"]) == (200, "application/pdf")
    assert document.content.startswith(b"%PDF-1.4\n")
    assert document.content.endswith(b"%%EOF\n")
    start = int(re.search(rb"startxref\n(\d+)", document.content)[1])
    assert document.content[start:].startswith(b"xref\n0 6\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", document.content)]
    for number, place in enumerate(places, 1):
        assert document.content[place:].startswith(b"%d 0 obj" % number)
    assert "Übersicht \\(1\\)".encode("latin-1") in document.content


def test_a_part_of_a_pdf(graph, http, drive):
    """A range is one of the PDF, not of the file."""
    drive.put("a.csv", b"1,2")
    url = graph.get("/root:/a.csv:/content?format=pdf").headers["Location"]
    part = http.get(url, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"%PDF")


@pytest.mark.parametrize(("name", "target"), [("a.txt", "pdf"), ("a.pdf", "pdf"), ("a.docx", "jpg"), ("a", "pdf")])
def test_what_is_not_converted(graph, drive, error, name, target):
    """Other pairs are 406."""
    drive.put(name, b"1")
    reply = graph.get(f"/root:/{name}:/content?format={target}")
    assert error(reply)[:2] == (406, "notSupported")
    assert reply.json()["error"]["innerError"]["code"] == "invalidFileFormat"


def test_a_notebook(graph, drive, error):
    """A notebook is a package: neither file nor folder, and its content cannot be had."""
    drive.notebook("n/Notes")
    item = graph.get("/root:/n/Notes").json()
    assert item["package"] == {"type": "oneNote"}
    assert not {"file", "folder", "@microsoft.graph.downloadUrl"} & set(item)
    assert error(graph.get("/root:/n/Notes:/content"))[:2] == (400, "invalidRequest")
    reply = graph.post("/root:/n:/children", json={"name": "notes", "folder": {}})
    assert error(reply)[:2] == (409, "nameAlreadyExists")


def test_a_name_that_a_notebook_has(graph, drive, error):
    """A file cannot take it, by PUT or by a session, not even to replace it."""
    item = drive.notebook("Notes")["id"]
    taken = (409, "nameAlreadyExists")
    replace = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
    assert error(graph.put("/root:/Notes:/content", content=b"x"))[:2] == taken
    assert error(graph.post("/root:/notes:/createUploadSession", json=replace))[:2] == taken
    assert error(graph.put(f"/items/{item}/content", content=b"x"))[:2] == (400, "invalidRequest")
    assert graph.get("/root:/Notes").json()["id"] == item


def test_the_parts_of_a_notebook(graph, drive):
    """They are listed, without hash and without download."""
    drive.notebook("Notes")
    parts = graph.get("/root:/Notes:/children").json()["value"]
    assert {part["name"] for part in parts} == {"Open Notebook.onetoc2", "New Section 1.one"}
    for part in parts:
        assert part["file"] == {"mimeType": "application/msonenote"}
        assert graph.get(f"/items/{part['id']}/content").status_code == 400


def test_pictures_and_previews(graph, drive):
    """There are no pictures, and the preview is the file's own page."""
    drive.put("a.docx", b"1")
    drive.folder("b")
    assert graph.get("/root:/a.docx:/thumbnails").json()["value"] == []
    preview = graph.post("/root:/a.docx:/preview", json={})
    assert (preview.status_code, preview.json()["getUrl"]) == (200, f"{drive.web_url}/a.docx")
    assert graph.post("/root:/b:/preview").status_code == 400
    assert graph.get("/root:/no:/thumbnails").status_code == 404
