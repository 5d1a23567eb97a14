"""What the first segments of a Graph URL mean: a person, a group, a site, a share, or a drive of theirs."""

from __future__ import annotations

from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.sites import drives, people, shares, site_requests
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


def find(world: World, request: Request, token: Token, segments: list[str]) -> drives.Found | drives.Listing | Reply:
    """Return drives, or the answer when something else is asked for."""
    match segments:
        case ["shares", *rest]:
            return shares.find(world, request, token, rest)
        case ["sites", *rest]:
            answer = site_requests.respond(world, request, token, rest)
        case _:
            answer = people.respond(world, request, token, segments)
    return answer or drives.find(world, token, segments)
