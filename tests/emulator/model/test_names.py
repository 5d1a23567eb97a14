"""The names that SharePoint accepts."""

from __future__ import annotations

from urllib.parse import quote

import pytest

FORBIDDEN = ["a*b", "a:b", "a<b", "a>b", "a?b", "a|b", 'a"b', "a\\b", "a\x00b", "a\nb", "a/b"]
RESERVED = [" a", "a ", "a.", "_vti_x", "x_VTI_y", ".lock", "Desktop.ini", "CON", "nul", "com0", "LPT9", "Forms", "."]
FILES = ["~$report.xlsx"]
FOLDERS = ["~temp"]
FINE = [
    "a#b",
    "100%",
    "a+b",
    "a'b",
    "~temp.txt",
    "COM10",
    "con.txt",
    ".bashrc",
    "a..b",
    "日本語",
    "ä",
    "forms.txt",
    "[x]",
]


@pytest.mark.parametrize("name", FORBIDDEN + RESERVED + FILES, ids=ascii)
def test_refused_for_files(graph, drive, error, name):
    """A file of that name is refused, and no folder is left behind."""
    quoted = quote(name, safe="")
    paths = [f"/root:/{quoted}:/content", f"/root:/new/{quoted}:/content"]
    for path in paths[: 1 if name in {"Forms", "."} else 2]:
        assert error(graph.put(path, content=b"x"))[:2] == (400, "invalidRequest")
    assert drive.paths() == []


@pytest.mark.parametrize("name", FORBIDDEN + RESERVED + FOLDERS, ids=ascii)
def test_refused_for_folders(graph, drive, error, name):
    """A folder of that name is refused."""
    assert error(graph.post("/root/children", json={"name": name, "folder": {}}))[:2] == (400, "invalidRequest")
    assert drive.paths() == []


@pytest.mark.parametrize("name", FINE, ids=ascii)
def test_fine_for_files(graph, drive, name):
    """A file of that name is created, named as it was sent, and found again."""
    assert graph.put(f"/root:/{quote(name)}:/content", content=b"x").json()["name"] == name
    assert drive.paths() == [name]
    assert graph.get(f"/root:/{quote(name)}").json()["webUrl"].endswith("/Documents/" + quote(name, safe="'+"))


def test_half_a_character(graph, drive, error):
    """A lone surrogate, which only JSON can carry, is refused."""
    headers = {"Content-Type": "application/json"}
    reply = graph.post("/root/children", content=b'{"name": "\\ud800", "folder": {}}', headers=headers)
    assert error(reply)[:2] == (400, "invalidRequest")
    assert drive.paths() == []


def test_forms_is_reserved_at_the_root_only(graph):
    """Below a folder a folder may be called forms."""
    assert graph.put("/root:/a/forms/b:/content", content=b"").status_code == 201


def test_long_paths(graph, drive):
    """A path has at most 400 characters, decoded."""
    fits = "/".join(["ü" * 99] * 4) + "x"
    assert len(fits) == 400
    assert graph.put(f"/root:/{quote(fits)}:/content", content=b"").status_code == 201
    for path in (fits + "y", "z" * 10_000):
        reply = graph.put(f"/root:/{quote(path)}:/content", content=b"")
        problem = reply.json()["error"]
        assert (reply.status_code, problem["code"], problem["innerError"]["code"]) == (
            400,
            "invalidRequest",
            "pathIsTooLong",
        )
    assert graph.get(f"/root:/{quote(fits)}z").status_code == 404


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "text/csv"),
        ("a.JSON", "application/json"),
        ("a.pdf", "application/pdf"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.parquet", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a#b.txt", "text/plain"),
    ],
)
def test_types(drive, name, expected):
    """The type follows from the name."""
    assert drive.put(name, b"x")["file"]["mimeType"] == expected


def test_normal_forms_differ(graph, drive):
    """Two ways to write an umlaut are two names."""
    for name in ("\u00e4", "a\u0308"):
        assert graph.put(f"/root:/{quote(name)}:/content", content=b"").status_code == 201
    assert len(drive.paths()) == 2


def test_addresses_that_are_no_utf8(graph, error):
    """Bytes that are not UTF-8 are a 400."""
    assert error(graph.get("/root:/%ff"))[:2] == (400, "BadRequest")
