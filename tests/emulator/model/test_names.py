"""The names that SharePoint accepts."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from airflow_provider_onedrive.emulator import Emulator

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


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("\u00e4.csv", "a\u0308.CSV"),
        ("a\u0308.csv", "\u00c4.csv"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u01f0", "J\u030c"),
    ],
    ids=ascii,
)
def test_names_are_compared_in_normal_form_and_without_case(graph, drive, error, stored, asked):
    """Another spelling names the same item, which keeps the name that it was created with."""
    created = graph.put(f"/root:/{quote(stored)}:/content", content=b"1").json()
    assert created["name"] == stored
    assert graph.get(f"/root:/{quote(asked)}").json()["id"] == created["id"]
    replaced = graph.put(f"/root:/{quote(asked)}:/content", content=b"2")
    assert (replaced.status_code, replaced.json()["id"], replaced.json()["name"]) == (200, created["id"], stored)
    taken = graph.post("/root/children", json={"name": asked, "folder": {}})
    assert error(taken)[:2] == (409, "nameAlreadyExists")
    assert drive.paths() == [stored]


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_rename_to_another_spelling_of_the_same_name(graph, drive, folder):
    """A rename that changes only case or normal form is no conflict of the item with itself."""
    created = drive.folder("\u00e4") if folder else drive.put("\u00e4")
    for name in ("a\u0308", "A\u0308", "\u00c4", "\u00e4"):
        renamed = graph.patch(f"/items/{created['id']}", json={"name": name})
        assert (renamed.status_code, renamed.json()["id"], renamed.json()["name"]) == (200, created["id"], name)
        assert graph.get("/root:/%C3%A4").json()["name"] == name
    assert drive.paths() == ["\u00e4/" if folder else "\u00e4"]
    assert graph.delete(f"/items/{created['id']}").status_code == 204
    assert graph.get("/root:/a%CC%88").status_code == 404


def test_rename_to_another_spelling_of_a_taken_name(graph, drive, error):
    """Another item's name is taken in every spelling of it."""
    drive.put("\u00e4")
    other = drive.put("b")
    taken = graph.patch(f"/items/{other['id']}", json={"name": "A\u0308"})
    assert error(taken)[:2] == (409, "nameAlreadyExists")
    renamed = graph.patch(
        f"/items/{other['id']}", json={"name": "A\u0308", "@microsoft.graph.conflictBehavior": "rename"}
    )
    assert renamed.json()["name"] == "A\u0308 1"


def test_normal_forms_survive_a_restart(tmp_path):
    """A name from a directory is found in every spelling."""
    with Emulator(root=tmp_path) as emulator:
        emulator.drive().put("a\u0308/b", b"x")
    with Emulator(root=tmp_path) as emulator:
        assert emulator.drive().read("\u00c4/B") == b"x"
        assert emulator.drive().paths() == ["a\u0308/", "a\u0308/b"]


def test_names_without_normal_form(emulator, graph, drive):
    """With the quirk two ways to write an umlaut are two names; case still does not count."""
    emulator.quirks.names_without_normal_form = True
    for content, name in enumerate(("\u00e4", "a\u0308")):
        assert graph.put(f"/root:/{quote(name)}:/content", content=b"%d" % content).status_code == 201
    assert drive.read_all() == {"\u00e4": b"0", "a\u0308": b"1"}
    assert drive.read("A\u0308") == b"1"
    assert [item["name"] for item in graph.get("/root/children?$top=1").json()["value"]] == ["a\u0308"]
    drive.delete("\u00e4")
    assert drive.paths() == ["a\u0308"]


def test_addresses_that_are_no_utf8(graph, error):
    """Bytes that are not UTF-8 are a 400."""
    assert error(graph.get("/root:/%ff"))[:2] == (400, "BadRequest")
