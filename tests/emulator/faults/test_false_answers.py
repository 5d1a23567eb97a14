"""Answers that are not true."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.faults import Rule, ScriptError, answer, status

PAGE = "<html>Sign in</html>"


@pytest.mark.parametrize(
    ("request_line", "body", "expected"),
    [
        ("POST /root/children", {"name": "new", "folder": {}}, 201),
        ("PATCH /root:/a", {"name": "new"}, 200),
        ("GET /root:/a", None, 200),
        ("GET /root/children", None, 200),
    ],
)
def test_an_empty_body(graph, emulator, request_line, body, expected):
    """A success has no body, once; what was asked for is done."""
    drive = emulator.drive()
    drive.put("a")
    emulator.faults.add(do=answer(body=""))
    reply = graph.request(*request_line.split(), json=body)
    assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (expected, b"", "0")
    assert "json" in reply.headers["Content-Type"]
    assert drive.exists("new") == (body is not None)
    assert graph.get("/root/children").json()["value"]


@pytest.mark.parametrize("code", [200, 202, 204])
def test_another_success(graph, drive, emulator, code):
    """A success has another status, and the change is done."""
    drive.put("a")
    emulator.faults.add(operation="delete", do=answer(code))
    reply = graph.delete("/root:/a")
    assert (reply.status_code, reply.content) == (code, b"")
    assert drive.paths() == []
    assert emulator.requests[0].status == code


@pytest.mark.parametrize("code", [200, 202, 204])
def test_a_success_without_the_change(graph, drive, emulator, code):
    """A success, and nothing was done."""
    drive.put("a")
    emulator.faults.add(operation="delete", do=answer(code, done=False))
    assert graph.delete("/root:/a").status_code == code
    assert drive.paths() == ["a"]
    assert graph.delete("/root:/a").status_code == 204


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [None, {"id": "1", "name": "a"}])
def test_a_redirect(graph, drive, emulator, code, body):
    """A redirect, with JSON or without a body, in place of the change; the connection stays usable."""
    headers = {"Location": "https://elsewhere.example/"}
    emulator.faults.add(method="PUT", do=answer(code, body=body, headers=headers, done=False))
    reply = graph.put("/root:/a:/content", content=b"x" * 100_000)
    assert (reply.status_code, reply.headers["Location"]) == (code, headers["Location"])
    assert (reply.json() if reply.content else None) == body
    assert drive.paths() == []
    assert graph.put("/root:/a:/content", content=b"x").status_code == 201


def test_a_redirect_without_a_location(graph, drive, emulator):
    """A header can be taken away; that of a download is the Location."""
    drive.put("a", b"x")
    emulator.faults.add(operation="content", do=answer(headers={"location": None}))
    reply = graph.get("/root:/a:/content")
    assert (reply.status_code, "Location" in reply.headers) == (302, False)


def test_an_error_for_a_change_that_was_done(graph, drive, emulator):
    """The change is done, and its answer is an error."""
    emulator.faults.add(operation="create_folder", do=answer(503, body={"error": {"code": "serviceNotAvailable"}}))
    assert graph.post("/root/children", json={"name": "a", "folder": {}}).status_code == 503
    assert drive.paths() == ["a/"]


def test_errors_of_the_service_stay(graph, emulator, error):
    """A refused request is not turned into a success."""
    emulator.faults.add(do=answer(200, body=""))
    assert error(graph.get("/root:/none"))[:2] == (404, "itemNotFound")


def test_a_page_in_place_of_json(graph, emulator):
    """A text is HTML, unless the headers name a type."""
    emulator.faults.add(do=answer(body=PAGE))
    emulator.faults.add(do=answer(body="x", headers={"content-type": "text/plain"}))
    first, second = (graph.get("/root") for _ in range(2))
    assert (first.status_code, first.text, first.headers["Content-Type"]) == (200, PAGE, "text/html; charset=utf-8")
    assert second.headers.get_list("Content-Type") == ["text/plain"]


def test_a_fresh_download_url_is_refused(drive, emulator, http):
    """A download URL is answered 401 with a page, once, and nothing of the file is sent."""
    url = drive.put("a", b"12345")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=answer(401, body=PAGE))
    refused, sent = (http.get(url) for _ in range(2))
    assert (refused.status_code, refused.text) == (401, PAGE)
    assert (sent.status_code, sent.content) == (200, b"12345")


def test_a_download_without_a_range(drive, emulator, http):
    """A part of a file comes without the header that says which part, or with another one."""
    url = drive.put("a", b"12345")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=answer(headers={"Content-Range": None}))
    emulator.faults.add(operation="download", do=answer(headers={"Content-Range": "bytes 0-1/2"}))
    first, second = (http.get(url, headers={"Range": "bytes=1-2"}) for _ in range(2))
    assert (first.status_code, first.content, "Content-Range" in first.headers) == (206, b"23", False)
    assert (second.status_code, second.content, second.headers["Content-Range"]) == (206, b"23", "bytes 0-1/2")


@pytest.mark.parametrize("code", [100, 102, 202, 204, 302])
@pytest.mark.parametrize("done", [True, False])
def test_parts_of_a_batch(v1, drive, emulator, code, done):
    """A part of a batch meets it by itself, with any status."""
    ids = [drive.put(name)["id"] for name in ("a", "b")]
    emulator.faults.add(operation="delete", do=answer(code, done=done))
    parts = [{"id": item_id, "method": "DELETE", "url": f"/drives/{drive.id}/items/{item_id}"} for item_id in ids]
    reply = v1.post("/$batch", json={"requests": parts}).json()
    assert {part["id"]: part["status"] for part in reply["responses"]} == {ids[0]: code, ids[1]: 204}
    assert drive.paths() == ([] if done else ["a"])


def test_bodies_of_parts_of_a_batch(v1, drive, emulator):
    """A part has no body, or a text in place of JSON."""
    parts = [{"id": str(number), "method": "GET", "url": f"/drives/{drive.id}/root"} for number in range(3)]
    emulator.faults.add(operation="get", do=answer(body=""))
    emulator.faults.add(operation="get", do=answer(body="{", headers={"Content-Type": "application/json"}))
    responses = v1.post("/$batch", json={"requests": parts}).json()["responses"]
    bodies = {part["id"]: part.get("body") for part in responses}
    assert (bodies["0"], bodies["1"], bodies["2"]["name"]) == (None, "ew==", "root")


def test_script(emulator):
    """A script takes any JSON as the body."""
    script = [
        {"operation": "delete", "do": {"answer": 202, "done": False}},
        {"do": {"answer": 302, "body": [1], "headers": {"Location": None, "x-y": "z"}}},
        {"times": None, "do": {"answer": {"body": ""}}},
        {"do": "answer"},
    ]
    emulator.faults.load(script)
    assert emulator.faults.rules == [
        Rule(operation="delete", do=answer(202, done=False)),
        Rule(do=answer(302, body=[1], headers={"Location": None, "x-y": "z"})),
        Rule(times=None, do=answer(body="")),
        Rule(do=answer()),
    ]
    text = emulator.faults.dump()
    rules = emulator.faults.rules
    emulator.faults.clear()
    emulator.faults.load(text)
    assert emulator.faults.rules == rules


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ({"answer": 99}, "faults[0].do: a status must lie between 100 and 599."),
        ({"answer": 200, "headers": {"a": 1}}, "faults[0].do: headers must be an object of texts, not {'a': 1}."),
        ({"answer": 200, "done": 1}, "faults[0].do: done must be true or false, not 1."),
    ],
)
def test_mistakes_in_a_script(emulator, do, message):
    """A mistake is named."""
    with pytest.raises(ScriptError) as caught:
        emulator.faults.load([{"do": do}])
    assert str(caught.value) == message


def test_access_that_is_denied_for_a_while(graph, emulator, error):
    """Some answers are 403, and then the service is itself again."""
    emulator.faults.add(operation="children", times=2, do=status(403))
    replies = [graph.get("/root/children") for _ in range(3)]
    assert error(replies[0]) == (403, "accessDenied", "Access denied")
    assert [reply.status_code for reply in replies] == [403, 403, 200]
