"""Items with properties that are missing, null or impossible, and other parts of files than those requested."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.faults import Rule, ScriptError, alter, shift_range

NEVER = "0001-01-01T00:00:00+01:00"


@pytest.fixture
def files(drive):
    drive.put_all({"a/b.csv": b"12345", "a/c.txt": b"678"})
    return drive


@pytest.mark.usefixtures("files")
def test_properties_of_an_item(graph, emulator):
    """Properties get any value, go, or are added, also within others; a second read is right."""
    right = graph.get("/root:/a/b.csv").json()
    changes = {"size": None, "lastModifiedDateTime": NEVER, "file/hashes/quickXorHash": 5, "file/x/y": [1], "eTag/z": 2}
    emulator.faults.add(operation="get", do=alter(changes, without=["parentReference", "file/mimeType", "none/none"]))
    wrong = graph.get("/root:/a/b.csv").json()
    assert (wrong["size"], wrong["lastModifiedDateTime"], wrong["eTag"]) == (None, NEVER, {"z": 2})
    assert wrong["file"] == {"hashes": {"quickXorHash": 5}, "x": {"y": [1]}}
    assert wrong.keys() == right.keys() - {"parentReference"}
    assert graph.get("/root:/a/b.csv").json()["size"] == 5


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("path", ["/root:/a:/children", "/root/delta", "/root/search(q='b')"])
def test_properties_in_a_list(graph, emulator, path):
    """The items of a list are picked by their names."""
    emulator.faults.add(times=None, do=alter({"size": -1}, name=r"\.csv$"))
    sizes = {item["name"]: item["size"] for item in graph.get(path).json()["value"]}
    assert sizes.pop("b.csv") == -1
    assert -1 not in sizes.values()


@pytest.mark.usefixtures("files")
def test_every_item(graph, emulator):
    """Without a name all are changed, expanded children and items without a name too."""
    emulator.faults.add(times=None, do=alter(without=["size"]))
    folder = graph.get("/root:/a?$expand=children").json()
    assert [list(each).count("size") for each in (folder, *folder["children"])] == [0, 0, 0]
    assert graph.get("/root/children?$select=size").json()["value"] == [{}]


def test_the_answer_to_a_change(graph, emulator, drive):
    """A change is done, and its answer is wrong; a session is described wrongly as well."""
    emulator.faults.add(operation="upload", do=alter({"id": "", "name": None}))
    emulator.faults.add(operation="create_session", do=alter({"uploadUrl": None}))
    item = graph.put("/root:/a:/content", content=b"x").json()
    assert (item["id"], item["name"], item["size"]) == ("", None, 1)
    assert graph.post("/root:/b:/createUploadSession", json={}).json()["uploadUrl"] is None
    assert drive.read("a") == b"x"


def test_parts_of_a_batch(v1, drive, emulator):
    """A part of a batch meets it by itself."""
    parts = [{"id": number, "method": "GET", "url": f"/drives/{drive.id}/root"} for number in "12"]
    emulator.faults.add(operation="get", do=alter({"name": "x"}))
    responses = v1.post("/$batch", json={"requests": parts}).json()["responses"]
    assert {part["id"]: part["body"]["name"] for part in responses} == {"1": "x", "2": "root"}


def test_answers_without_items(graph, drive, emulator, http, error):
    """Errors, empty answers and the bytes of a file stay as they are."""
    url = drive.put("a", b'{"size": 1}')["@microsoft.graph.downloadUrl"]
    emulator.faults.add(times=None, do=alter({"size": 0, "error": 0}))
    assert http.get(url).content == b'{"size": 1}'
    assert error(graph.get("/root:/none"))[:2] == (404, "itemNotFound")
    assert graph.delete("/root:/a").status_code == 204


@pytest.mark.parametrize(
    ("fault", "asked", "expected"),
    [
        (shift_range(2), "2-4", (b"456", "bytes 4-6/10")),
        (shift_range(-3), "2-4", (b"01", "bytes 0-1/10")),
        (shift_range(1), "2-", (b"3456789", "bytes 3-9/10")),
        (shift_range(total=7), "2-4", (b"234", "bytes 2-4/17")),
        (shift_range(1, -5), "2-4", (b"345", "bytes 3-5/5")),
    ],
    ids=str,
)
def test_another_range(emulator, http, fault, asked, expected):
    """Another part of a file comes than was asked for, or another size is said; then the right one."""
    url = emulator.drive().put("a", b"0123456789")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=fault)
    replies = [http.get(url, headers={"Range": f"bytes={asked}"}) for _ in range(2)]
    wrong, right = [(reply.content, reply.headers["Content-Range"]) for reply in replies]
    assert wrong == expected != right
    assert [reply.status_code for reply in replies] == [206, 206]


def test_a_whole_file_has_no_range(drive, emulator, http):
    """A download without a range, or of the last bytes, is right; a range behind the end is refused."""
    url = drive.put("a", b"0123456789")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", times=None, do=shift_range(5, 1))
    assert http.get(url).content == b"0123456789"
    assert http.get(url, headers={"Range": "bytes=-3"}).content == b"789"
    refused = http.get(url, headers={"Range": "bytes=5-"})
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, "bytes */11")


def test_script(emulator):
    """A script takes the same parameters."""
    script = [
        {"operation": "get", "do": {"alter": {"properties": {"size": None}, "name": "csv$"}}},
        {"do": {"alter": True, "without": ["size", "parentReference/path"]}},
        {"operation": "download", "times": None, "do": {"shift_range": 5, "total": 1}},
    ]
    emulator.faults.load(script)
    rules = emulator.faults.rules
    assert rules == [
        Rule(operation="get", do=alter({"size": None}, name="csv$")),
        Rule(do=alter(without=["size", "parentReference/path"])),
        Rule(operation="download", times=None, do=shift_range(5, 1)),
    ]
    emulator.faults.load(emulator.faults.dump())
    assert emulator.faults.rules == rules


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ({"alter": {"name": "("}}, "faults[0].do: name is not a regular expression: "),
        ({"alter": {"without": "size"}}, "faults[0].do: without must be a list of texts, not 'size'."),
        ({"alter": {"properties": []}}, "faults[0].do: properties must be an object"),
    ],
)
def test_mistakes_in_a_script(emulator, do, message):
    """A mistake is named."""
    with pytest.raises(ScriptError) as caught:
        emulator.faults.load([{"do": do}])
    assert str(caught.value).startswith(message)
