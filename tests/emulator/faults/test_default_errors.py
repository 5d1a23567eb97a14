"""The default code and message of a status fault."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.faults import status


@pytest.mark.parametrize(
    "expected",
    [
        (400, "invalidRequest", "Invalid request"),
        (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
        (403, "accessDenied", "Access denied"),
        (404, "itemNotFound", "The resource could not be found."),
        (409, "nameAlreadyExists", "Name already exists"),
        (410, "gone", "The requested resource is no longer available."),
        (429, "activityLimitReached", "The app or user has been throttled."),
        (500, "generalException", "An unexpected error has occurred."),
        (501, "notSupported", "The request is not supported by the system."),
        (502, "UnknownError", "An unexpected error has occurred."),
        (503, "serviceNotAvailable", "The service is temporarily unavailable."),
        (504, "UnknownError", "The request timed out."),
        (507, "quotaLimitReached", "Insufficient space available to complete the operation."),
        (509, "bandwidthLimitExceeded", "The bandwidth limit has been exceeded."),
        (599, "generalException", "An unexpected error has occurred."),
    ],
)
def test_graph(graph, emulator, error, expected):
    """Each status has the code and message that go with it."""
    emulator.faults.add(do=status(expected[0]))
    assert error(graph.get("/root")) == expected


def _problem(reply):
    value = reply.json()["error"]
    return value["code"], value["message"], value["innerError"].get("code")


LOCKED = "The resource you are attempting to access is locked"
CHECKED_OUT = "The file is currently checked out or locked for editing by another user."


def test_locked(graph, drive, emulator):
    """A lock has one message for a session, one for a deletion and one for all other requests."""
    drive.put("a", b"x")
    emulator.faults.add(times=None, do=status(423))
    assert _problem(graph.post("/root:/a:/createUploadSession")) == ("notAllowed", LOCKED, "resourceLocked")
    deleted = ("accessDenied", "Lock token does not match existing lock", "lockMismatch")
    assert _problem(graph.delete("/root:/a")) == deleted
    assert _problem(graph.patch("/root:/a", json={})) == ("accessDenied", CHECKED_OUT, None)
    assert _problem(graph.put("/root:/a:/content", content=b"y")) == ("accessDenied", CHECKED_OUT, None)


def test_precondition(graph, drive, emulator):
    """A mismatch of tags is notAllowed where content is written, resourceModified where an item is changed."""
    drive.put("a", b"x")
    emulator.faults.add(times=None, do=status(412))
    assert _problem(graph.put("/root:/a:/content", content=b"y"))[0] == "notAllowed"
    assert _problem(graph.patch("/root:/a", json={}))[0] == "resourceModified"
    assert _problem(graph.delete("/root:/a"))[0] == "resourceModified"


def test_delta(graph, emulator):
    """410 for delta leads to a fresh enumeration."""
    emulator.faults.add(times=None, do=status(410))
    reply = graph.get("/root/delta?token=x")
    assert _problem(reply) == ("resyncRequired", "Resync required", "resyncApplyDifferences")
    assert reply.headers["Location"] == str(graph.base_url).rstrip("/") + "/root/delta"
    assert graph.get("/root/delta(token='x')").headers["Location"] == reply.headers["Location"]


def test_session_and_download(graph, drive, emulator, http):
    """The second origin has its own messages."""
    session = graph.post("/root:/a:/createUploadSession").json()["uploadUrl"]
    download = drive.put("b", b"x")["@microsoft.graph.downloadUrl"]
    for code in (404, 416, 401):
        emulator.faults.add(origin="store", do=status(code))
    assert _problem(http.put(session, content=b"x"))[:2] == ("itemNotFound", "The upload session was not found")
    assert _problem(http.put(session, content=b"x"))[2] == "fragmentOverlap"
    assert _problem(http.get(download))[:2] == ("unauthenticated", "The download URL has expired.")


def test_challenge(graph, emulator):
    """A refused token comes with a challenge."""
    emulator.faults.add(do=status(401))
    assert graph.get("/root").headers["WWW-Authenticate"].startswith("Bearer ")


def test_own_words(graph, emulator):
    """A rule may set code, message and headers, and then nothing is added."""
    headers = {"x-ms-resource-unit": "5", "RateLimit-Reset": "7"}
    fault = status(429, "Wed, 21 Oct 2026 07:28:00 GMT", "TooManyRequests", "Slow down", headers=headers)
    emulator.faults.add(do=fault)
    reply = graph.get("/root")
    assert _problem(reply) == ("TooManyRequests", "Slow down", None)
    assert reply.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert (reply.headers["x-ms-resource-unit"], reply.headers["RateLimit-Reset"]) == ("5", "7")


@pytest.mark.parametrize(
    ("fault", "error", "number"),
    [
        (status(400), "invalid_request", 900144),
        (status(401), "invalid_client", 7000215),
        (status(429, retry_after=3), "temporarily_unavailable", 90055),
        (status(500), "server_error", 90020),
        (status(503), "temporarily_unavailable", 90033),
        (status(504), "temporarily_unavailable", 90006),
        (status(400, code="invalid_grant"), "invalid_grant", 70000),
        (status(400, code="invalid_grant", inner="50173"), "invalid_grant", 50173),
    ],
)
def test_entra(emulator, http, fault, error, number):
    """On the login origin the error is that of Entra ID, with its own number."""
    emulator.faults.add(operation="token", do=fault)
    reply = http.post(f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token")
    value = reply.json()
    assert (reply.status_code, value["error"], value["error_codes"]) == (fault.status, error, [number])
    assert value["error_description"].startswith(f"AADSTS{number}: ")
    assert reply.headers.get("Retry-After") == (f"{fault.retry_after}" if fault.retry_after else None)
