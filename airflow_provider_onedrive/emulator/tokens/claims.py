"""The claims of tokens.

https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from typing import Any

from airflow_provider_onedrive.emulator.model.tenant import User
from airflow_provider_onedrive.emulator.tokens.applications import Application

# Any namespace serves: it makes `sub` differ between applications, as Entra ID does.
_PAIRWISE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def of_application(application: Application, permissions: Iterable[str], proof: str) -> dict[str, Any]:
    """Return the claims of an application that speaks for itself."""
    return _of_client(application, proof) | {
        # The optional claim by which a service tells application tokens from users'.
        "idtyp": "app",
        "oid": application.object_id,
        "roles": sorted(permissions),
        "sub": application.object_id,
    }


def of_user(user: User, application: Application, scopes: Iterable[str], proof: str) -> dict[str, Any]:
    """Return the claims of an application that speaks for a user."""
    return _of_client(application, proof) | {
        "acct": 0,
        "acr": "1",
        "amr": ["pwd"],
        "idtyp": "user",
        "name": display_name(user),
        "oid": user.id,
        "scp": " ".join(sorted(scopes)),
        "sub": subject(user, application),
        "unique_name": user.upn,
        "upn": user.upn,
    }


def of_sign_in(user: User, application: Application) -> dict[str, Any]:
    """Return the claims of an ID token, version 2.0."""
    return {
        "aud": application.client_id,
        "name": display_name(user),
        "oid": user.id,
        "preferred_username": user.upn,
        "sub": subject(user, application),
        "ver": "2.0",
    }


def lifetime(seconds: float) -> dict[str, int]:
    """Return the claims of a token's period of validity."""
    now = int(time.time())
    # Rounded up, so that a token of one second is valid at all.
    return {"iat": now, "nbf": now, "exp": math.ceil(time.time() + seconds)}


def subject(user: User, application: Application) -> str:
    """Return the pairwise id of a user for one application."""
    return uuid.uuid5(_PAIRWISE, f"{user.id} {application.client_id}").hex


def display_name(user: User) -> str:
    return str(user.identity["user"]["displayName"])


def _of_client(application: Application, proof: str) -> dict[str, Any]:
    """:param proof: how it proved that it is itself: ``0`` not at all, ``1`` with a secret, ``2`` with a key."""
    names = {"app_displayname": application.name, "appid": application.client_id, "appidacr": proof}
    return names | {"azp": application.client_id, "ver": "1.0", "uti": uuid.uuid4().hex}
