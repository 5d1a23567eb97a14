"""Which drive a URL means.

https://learn.microsoft.com/graph/api/drive-get
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator import views
from airflow_provider_onedrive.emulator.problems import Problem, bad_request, item_not_found, unknown_segment
from airflow_provider_onedrive.emulator.tenant import User
from airflow_provider_onedrive.emulator.tokens import Token
from airflow_provider_onedrive.emulator.tree import Drive
from airflow_provider_onedrive.emulator.wire import Reply, json_reply
from airflow_provider_onedrive.emulator.world import World


@dataclass(frozen=True)
class Found:
    """A drive and the segments that follow it."""

    drive: Drive
    rest: list[str]


@dataclass(frozen=True)
class Listing:
    """The drives of a user."""

    drives: list[Drive]

    def reply(self, world: World) -> Reply:
        value = [views.drive_json(world, drive) for drive in self.drives]
        return json_reply(200, {"@odata.context": f"{world.graph_url}/v1.0/$metadata#drives", "value": value})


def reply(world: World, drive: Drive) -> Reply:
    context = {"@odata.context": f"{world.graph_url}/v1.0/$metadata#drives/$entity"}
    return json_reply(200, context | views.drive_json(world, drive))


def find(world: World, token: Token, segments: list[str]) -> Found | Listing:
    match segments:
        case ["me", *rest]:
            return _of_user(_myself(token), rest)
        case ["users", key, *rest]:
            return _of_user(_user(world, key), rest)
        case ["drives", drive_id, *rest]:
            return Found(_drive(world, drive_id), rest)
    raise unknown_segment(segments[0] if segments else "")


def _of_user(user: User, segments: list[str]) -> Found | Listing:
    match segments:
        case ["drive", *rest]:
            return Found(_provisioned(user), rest)
        case ["drives"]:
            return Listing([_provisioned(user)])
    raise unknown_segment(segments[0] if segments else "")


def _myself(token: Token) -> User:
    if token.user is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return token.user


def _user(world: World, key: str) -> User:
    user = world.tenant.user(key)
    if user is None:
        raise Problem(
            404,
            "Request_ResourceNotFound",
            f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
        )
    return user


def _provisioned(user: User) -> Drive:
    if user.drive is None:
        raise Problem(404, "ResourceNotFound", "User's mysite not found.")
    return user.drive


def _drive(world: World, drive_id: str) -> Drive:
    drive = world.tenant.drive(drive_id)
    if drive is None:
        raise item_not_found()
    return drive
