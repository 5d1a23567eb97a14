"""Refusals that no permission lifts: each says which rule it is and who decides, and nothing about permissions."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.errors.rules import RULES
from airflow_provider_onedrive.emulator.faults import answer, refuse, status
from airflow_provider_onedrive.graph import AccessDenied, Locked, OnHold, QuotaExceeded, SignInFailed, Unauthenticated
from airflow_provider_onedrive.graph.protocol.denials import advice_on

WHO_DECIDES = {
    "hold": "compliance administrator of the tenant (Microsoft Purview) decides",
    "record": "records manager of the tenant (Microsoft Purview) can unlock it",
    "malware": "security administrator of the tenant (Microsoft Defender) decides",
    "dlp": "policy against data loss (DLP) blocks the file: its owner or the compliance administrator",
    "network": "ask the SharePoint administrator to add the worker's address",
    "device": "ask the SharePoint administrator to exempt the app",
    "read_only": "The site is read-only: the SharePoint administrator decides",
    "blocked": "The site is blocked: the SharePoint administrator decides",
    "download": "Downloads from the site are blocked: the SharePoint administrator decides",
    "event": "(an event receiver) has cancelled it: ask the owner of the site",
    "cross_site": "download the file and upload it there",
}
ACTS = {
    "get": lambda client, path: client.stat("myfiles/a.csv"),
    "children": lambda client, path: list(client.children("myfiles/")),
    "upload": lambda client, path: client.save("myfiles/b.csv", content=b"b"),
    "update": lambda client, path: client.move("myfiles/a.csv", "myfiles/b.csv"),
    "copy": lambda client, path: client.copy("myfiles/a.csv", "myfiles/b.csv"),
    "delete": lambda client, path: client.delete("myfiles/a.csv"),
    "download": lambda client, path: client.download("myfiles/a.csv", path / "a.csv"),
}
OF_PERMISSIONS = ("lacks the permission", "Sites.Selected", "grant")


def test_every_rule_is_known():
    assert set(WHO_DECIDES) == set(RULES)


@pytest.mark.pairwise
@pytest.mark.parametrize("rule", WHO_DECIDES)
@pytest.mark.parametrize("operation", ACTS)
def test_refusal_names_its_rule(*, client, drive, faults, tmp_path, rule, operation):
    drive.put("a.csv", b"a")
    faults.add(operation=operation, times=None, do=refuse(rule))
    with pytest.raises(Locked if rule == "blocked" else AccessDenied) as caught:
        ACTS[operation](client, tmp_path)
    text = str(caught.value)
    assert WHO_DECIDES[rule] in text
    assert not [words for words in OF_PERMISSIONS if words in text], text
    assert isinstance(caught.value, OnHold) == (rule == "hold")


@pytest.mark.parametrize(
    "message",
    [
        "Access denied",
        "The caller doesn't have permission to perform the action.",
        "Insufficient privileges to complete the operation.",
        "Either scp or roles claim need to be present in the token.",
        "The sharing link no longer exists, or you do not have permission to access it.",
    ],
)
def test_missing_permission_is_named(client, drive, faults, message):
    """As ever, where Graph's words are about rights."""
    drive.put("a.csv", b"a")
    faults.add(operation="get", times=None, do=status(403, code="accessDenied", message=message))
    with pytest.raises(AccessDenied, match=r"lacks the permission.*Sites\.Selected"):
        client.stat("myfiles/a.csv")


@pytest.mark.parametrize("message", ["Something else is the matter", "Blocked by administrator", "Not today"])
def test_words_that_nobody_knows_are_no_missing_permission(client, drive, faults, message):
    drive.put("a.csv", b"a")
    faults.add(operation="get", times=None, do=status(403, code="notAllowed", message=message))
    with pytest.raises(AccessDenied, match="ask the SharePoint administrator of the tenant which one") as caught:
        client.stat("myfiles/a.csv")
    assert "lacks the permission" not in str(caught.value)


def test_full_drive_may_be_403(client, faults):
    faults.add(operation="upload", times=None, do=status(403, code="quotaLimitReached", message="Insufficient space"))
    with pytest.raises(QuotaExceeded, match="Free space"):
        client.save("myfiles/b.csv", content=b"b")


def test_monitor_of_a_copy_names_the_rule(client, drive, faults):
    """Graph may accept a copy and refuse it only then."""
    drive.put("a.csv", b"a")
    text = "Cross-site operations cannot be performed on files larger than 50MiB"
    body = {"status": "failed", "error": {"code": "accessDenied", "message": text}}
    faults.add(operation="monitor", times=None, do=answer(200, body=body))
    with pytest.raises(AccessDenied, match="download the file and upload it there") as caught:
        client.copy("myfiles/a.csv", "myfiles/b.csv")
    assert "lacks the permission" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("53000", "wants a device that the tenant manages"),
        ("53001", "wants a device of the domain"),
        ("53002", "wants an app that it approves"),
        ("53003", "forbids the sign-in"),
        ("70043", r"lets a sign-in last only for some time\. Sign in again"),
    ],
)
def test_conditional_access_at_the_sign_in(connect, faults, number, words):
    faults.add(origin="login", operation="token", times=None, do=status(400, code="invalid_grant", inner=number))
    with pytest.raises(SignInFailed, match=rf"AADSTS{number}.*{words}.*The Entra administrator of the tenant"):
        connect().stat("myfiles")


def test_claims_challenge_of_entra(connect, faults):
    """Entra names the claims that a new sign-in has to prove, and no number of the table."""
    body = {"error": "interaction_required", "error_description": "AADSTS50158: External", "claims": '{"x":1}'}
    faults.add(origin="login", operation="token", times=None, do=answer(400, body=body, done=False))
    with pytest.raises(SignInFailed, match=r"claims challenge.*The Entra administrator of the tenant"):
        connect().stat("myfiles")


def test_claims_challenge_of_graph(client, faults):
    """A token that a policy has made worthless meanwhile."""
    headers = {
        "WWW-Authenticate": 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    }
    faults.add(origin="graph", times=None, do=status(401, code="InvalidAuthenticationToken", headers=headers))
    with pytest.raises(
        Unauthenticated, match="conditional access policy has changed, or the sign-in was revoked"
    ) as it:
        client.stat("myfiles")
    assert "eyJ" not in str(it.value)


@pytest.mark.parametrize(
    "message",
    [
        "The file is currently checked out or locked for editing by another user.",
        "The resource you are attempting to access is locked",
        "Lock token does not match existing lock",
    ],
)
def test_lock_of_a_user_is_no_rule(message):
    assert advice_on(423, "accessDenied", "resourceLocked", message) is None
