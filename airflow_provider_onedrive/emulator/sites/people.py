"""Users and groups themselves.

https://learn.microsoft.com/graph/api/user-get
https://learn.microsoft.com/graph/api/group-get
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.model.tenant import Group, User
from airflow_provider_onedrive.emulator.sites import drives
from airflow_provider_onedrive.emulator.sites.drives import Drives
from airflow_provider_onedrive.emulator.sites.site_requests import SiteRequests
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

# Permissions of the directory; those for files do not allow reading users or groups.
_ALL = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
_USERS = _ALL | {"User.Read.All", "User.ReadWrite.All", "User.ReadBasic.All"}
_MYSELF = _USERS | {"User.Read", "User.ReadWrite"}
_GROUPS = _ALL | {"Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All"}


@dataclass(frozen=True)
class People:
    """Answers requests for users and groups."""

    drives: Drives
    site_requests: SiteRequests

    def respond(self, request: Request, token: Token, segments: list[str]) -> Reply | None:
        """Answer for a user or a group itself; None = the request is for one of their drives."""
        match segments:
            case ["me"]:
                return self._user(request, token, drives.myself(token))
            case ["users", key]:
                return self._user(request, token, self.drives.find_user(key))
            case ["groups", key]:
                _check(token, _GROUPS)
                return self._reply(request, "groups", _group_json(self.drives.find_group(key)))
            # A group's site is addressed below the group, too.
            case ["groups", key, "sites", "root", *rest]:
                group = self.drives.find_group(key)
                return self.site_requests.respond(request, token, [f"root:{group.site_path}:", *rest])
        return None

    def _user(self, request: Request, token: Token, user: User) -> Reply:
        _check(token, _MYSELF if user is token.user else _USERS)
        return self._reply(request, "users", _user_json(user))

    def _reply(self, request: Request, kind: str, value: dict[str, Any]) -> Reply:
        context = {"@odata.context": f"{request.graph_url}/v1.0/$metadata#{kind}/$entity"}
        return json_reply(200, context | odata.select(value, request.option("select")))


def _user_json(user: User) -> dict[str, Any]:
    # The emulator knows only principal names and derives the others from them.
    given, _, surname = user.display_name.partition(" ")
    return {
        "businessPhones": [],
        "displayName": user.display_name,
        "givenName": given,
        "id": user.id,
        "jobTitle": None,
        "mail": user.upn,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": surname or None,
        "userPrincipalName": user.upn,
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "displayName": group.name,
        "groupTypes": ["Unified"],
        "id": group.id,
        "mail": group.mail,
        "mailEnabled": True,
        "mailNickname": group.mail.partition("@")[0],
        "securityEnabled": False,
        "visibility": "Private",
    }


def _check(token: Token, permissions: frozenset[str]) -> None:
    if not token.permissions & permissions:
        raise Problem(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
