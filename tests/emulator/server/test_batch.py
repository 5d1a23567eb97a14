"""Many requests in one."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_onedrive.emulator import faults

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def batch(v1):
    """Send a batch; return the responses by their ids."""

    def post(*requests):
        reply = v1.post("/$batch", json={"requests": list(requests)})
        assert reply.status_code == 200, reply.text
        return {response["id"]: response for response in reply.json()["responses"]}

    return post


@pytest.fixture
def refused(v1, error):
    """Send a batch that is refused as a whole."""

    def post(*requests):
        return error(v1.post("/$batch", json={"requests": list(requests)}))

    return post


def part(number, url, method="GET", **more):
    return {"id": str(number), "method": method, "url": url} | more


def test_parts(batch, drive):
    """Each part is answered by itself, with a leading slash or without."""
    drive.put("a.txt", b"1")
    responses = batch(
        part(1, f"/drives/{drive.id}/root:/a.txt?$select=name"),
        part(2, f"drives/{drive.id}/root:/no.txt"),
        part(3, f"/drives/{drive.id}/root:/a.txt", "DELETE"),
    )
    assert {key: response["status"] for key, response in responses.items()} == {"1": 200, "2": 404, "3": 204}
    assert responses["1"]["body"]["name"] == "a.txt"
    assert responses["2"]["body"]["error"]["code"] == "itemNotFound"
    assert "body" not in responses["3"]
    assert drive.paths() == []


def test_the_order_of_responses_is_not_that_of_the_requests(v1, drive, emulator):
    """The documentation promises no order; strict mode reveals clients that rely on one."""
    requests = [part(number, f"/drives/{drive.id}/root") for number in range(3)]
    for strict, order in ((True, ["2", "1", "0"]), (False, ["0", "1", "2"])):
        emulator.options.strict = strict
        responses = v1.post("/$batch", json={"requests": requests}).json()["responses"]
        assert [response["id"] for response in responses] == order


def test_json_and_other_bodies(batch, drive):
    """JSON is in the batch as it is, any other body as base64."""
    content = base64.b64encode(b"\xff\x00").decode()
    responses = batch(
        part(1, f"/drives/{drive.id}/root/children", "POST", headers=JSON, body={"name": "f", "folder": {}}),
        part(
            2,
            f"/drives/{drive.id}/root:/a.bin:/content",
            "PUT",
            headers={"content-type": "application/octet-stream"},
            body=content,
        ),
    )
    assert [responses[key]["status"] for key in "12"] == [201, 201]
    assert drive.paths() == ["a.bin", "f/"]
    assert drive.read("a.bin") == b"\xff\x00"


def test_a_redirect_is_a_response(batch, http, drive):
    """It is not followed: the address is among the part's headers."""
    drive.put("a.txt", b"1")
    response = batch(part(1, f"/drives/{drive.id}/root:/a.txt:/content"))["1"]
    assert response["status"] == 302
    assert http.get(response["headers"]["Location"]).content == b"1"


def test_depends_on(batch, drive):
    """A part waits for those it needs; when one of them fails it is 424."""
    folder = part("b", f"/drives/{drive.id}/root/children", "POST", headers=JSON, body={"name": "f", "folder": {}})
    responses = batch(
        part("a", f"/drives/{drive.id}/root:/f", dependsOn=["B"]),
        folder,
        part("c", f"/drives/{drive.id}/root:/no"),
        part("d", f"/drives/{drive.id}/root:/f", "DELETE", dependsOn=["c"]),
        part("e", f"/drives/{drive.id}/root:/f", "DELETE", dependsOn=["d"]),
    )
    assert {key: response["status"] for key, response in responses.items()} == {
        "a": 200,
        "b": 201,
        "c": 404,
        "d": 424,
        "e": 424,
    }
    assert drive.paths() == ["f/"]


def test_at_most_twenty(batch, refused, drive):
    """The twenty-first is one too many."""
    requests = [part(number, f"/drives/{drive.id}/root") for number in range(21)]
    assert len(batch(*requests[:20])) == 20
    status, code, message = refused(*requests)
    assert (status, code) == (400, "BadRequest")
    assert "exceeds the maximum" in message


@pytest.mark.parametrize(
    "requests",
    [
        [],
        ["x"],
        [part("a", "/me"), part("A", "/me")],
        [{"method": "GET", "url": "/me"}],
        [{"id": 1, "method": "GET", "url": "/me"}],
        [{"id": "1", "url": "/me"}],
        [{"id": "1", "method": "GET"}],
        [part("1", "/me", "BREW")],
        [part("1", "/m e")],
        [part("1", "/me", headers=[])],
        [part("1", "/me", headers={"a": 1})],
        [part("1", "/me", headers={"a": "b\r\nc: d"})],
        [part("1", "/me", dependsOn="2")],
        [part("1", "/me", dependsOn=["2"])],
        [part("1", "/me", dependsOn=["1"])],
        [part("1", "/me", dependsOn=["2"]), part("2", "/me", dependsOn=["1"])],
        [part("1", "/me", "POST", body={})],
        [part("1", "/me", "POST", headers={"Content-Type": "text/plain"}, body="%")],
        [part("1", "/me", "POST", headers={"Content-Type": "text/plain"}, body={"a": 1})],
    ],
)
def test_envelopes_that_are_refused(refused, requests):
    """An error in one part refuses the whole batch."""
    assert refused(*requests)[0] == 400


def test_a_batch_is_sent_by_post(v1):
    """And its body is an object."""
    assert v1.get("/$batch").status_code == 405
    assert v1.post("/$batch", json=[]).status_code == 400
    assert v1.post("/$batch", json={"requests": {}}).status_code == 400


def test_a_batch_holds_no_batch(batch):
    """Neither does a part leave the API."""
    responses = batch(part(1, "/$batch", "POST", headers=JSON, body={"requests": []}), part(2, "/../x"))
    assert [responses[key]["status"] for key in "12"] == [400, 400]


def test_a_batch_needs_a_token(http, emulator):
    """As every request does."""
    assert http.post(f"{emulator.graph_url}/v1.0/$batch", json={"requests": []}).status_code == 401


def test_each_part_counts(batch, drive, emulator):
    """The log has the batch and each part, and the units are those of the parts."""
    drive.put("a.txt")
    with emulator.requests.measure() as cost:
        batch(part(1, f"/drives/{drive.id}/root:/a.txt"), part(2, f"/drives/{drive.id}/root/children"))
    assert [entry.operation for entry in cost] == ["get", "children", "batch"]
    assert cost.total().resource_units == 3


def test_a_part_meets_faults_by_itself(batch, drive, emulator):
    """One part is throttled, with its Retry-After; the others are not."""
    emulator.faults.add(do=faults.status(429, retry_after=7), operation="children")
    responses = batch(part(1, f"/drives/{drive.id}/root"), part(2, f"/drives/{drive.id}/root/children"))
    assert (responses["1"]["status"], responses["2"]["status"]) == (200, 429)
    assert responses["2"]["headers"]["Retry-After"] == "7"


def test_the_token_of_a_part_is_that_of_the_batch(batch, drive):
    """An Authorization header of a part is ignored."""
    url = f"/drives/{drive.id}/root"
    assert batch(part(1, url, headers={"Authorization": "Bearer nonsense"}))["1"]["status"] == 200
