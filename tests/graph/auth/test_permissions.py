"""One table says which permission is needed; the documentation and the errors come from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_onedrive.graph.auth import permissions
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied

DOCS = Path(__file__).parents[3] / "docs/permissions.md"


def test_the_page_is_the_table():
    """docs/permissions.md holds the table as the code has it."""
    assert permissions.markdown() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("need", permissions.NEEDS, ids=lambda need: need.role)
@pytest.mark.parametrize("is_app", [False, True], ids=["delegated", "application"])
def test_the_least_permission_is_enough(onedrive_emulator, connect, drive, need, is_app):
    """The emulator, which has a table of its own, lets through whoever has just that, and nobody who has less."""
    drive.put("a.txt", b"a")
    least = need.application[0] if is_app else need.delegated[0]

    def client(*granted):
        user = None if is_app else onedrive_emulator.users[0]
        token = onedrive_emulator.token(user, permissions=granted)
        more = {} if is_app else {"myfiles": None}
        return connect(auth="access_token", access_token=token, **more)

    def work(client):
        return client.stat("myfiles/a.txt") if need.role == "read" else client.save("myfiles/b.txt", content=b"b")

    assert work(client(least)).size == 1
    with pytest.raises(AccessDenied):
        work(client("User.Read"))


@pytest.mark.parametrize(
    ("operation", "role", "permission"),
    [
        ("look at", "read", "Files.Read.All"),
        ("list", "read", "Files.Read.All"),
        ("save", "write", "Files.ReadWrite.All"),
    ],
)
def test_a_refusal_says_what_is_missing(connect, onedrive_emulator, drive, *, operation, role, permission):
    """Which permission, on which location, and for Sites.Selected who can give it."""
    drive.put("a.txt", b"a")
    drive.deny = True
    client = connect()
    acts = {
        "look at": lambda: client.stat("myfiles/a.txt"),
        "list": lambda: list(client.children("myfiles")),
        "save": lambda: client.save("myfiles/b.txt", content=b"b"),
    }
    with pytest.raises(AccessDenied) as caught:
        acts[operation]()
    text = str(caught.value)
    assert f"Cannot {operation} myfiles" in text
    assert f"application permission {permission}" in text
    assert f"the role {role!r} on this site" in text
    assert "POST /sites/{id}/permissions" in text


def test_a_user_is_told_about_delegated_permissions(connect, onedrive_emulator, drive):
    """Whoever signed in needs another kind than an app."""
    drive.deny = True
    client = connect(auth="refresh_token", refresh_token=onedrive_emulator.refresh_token(), myfiles=None)
    with pytest.raises(AccessDenied, match=r"delegated permission Files\.Read for the user's own drive"):
        client.stat("myfiles")
