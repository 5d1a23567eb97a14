"""How a URL names a site.

https://learn.microsoft.com/graph/api/site-get
https://learn.microsoft.com/graph/api/site-getbypath
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request, invalid_request
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

_ID_PARTS = 3


def host(world: World) -> str:
    """Return the host that stands in the ids of sites: the one that their addresses lead to."""
    return urlsplit(world.store_url).hostname or ""


def hosts(world: World) -> frozenset[str]:
    """Return what a site may be asked for under: the emulator's own host, and the names a tenant has."""
    own = {host(world), urlsplit(world.store_url).netloc}
    name = world.tenant.name
    return frozenset(own | {f"{name}{suffix}.sharepoint.com" for suffix in ("", "-my")})


def find(world: World, token: Token, segments: list[str]) -> tuple[SharePointSite, list[str]]:
    """Return a site, and the segments that follow its address."""
    check_account(token)
    # Some clients encode the whole address into one segment, slashes included.
    head, *inner = [part for part in segments[0].split("/") if part] or [""]
    rest = [*inner, *segments[1:]]
    if not head.endswith(":"):
        return _by_id(world, head), rest
    site = _by_id(world, head[:-1])
    names, rest = _names(rest)
    found = world.tenant.site_at("/".join([site.path.strip("/"), *names]))
    if found is None:
        raise _missing()
    return found, rest


def check_account(token: Token) -> None:
    """Refuse what consumers do not have."""
    if token.user and token.user.drive and token.user.drive.personality == "personal":
        raise bad_request("This API is not supported for MSA accounts")


def _by_id(world: World, text: str) -> SharePointSite:
    """Find by ``host,collection,web``, by the GUID of a collection, by host, or as ``root``."""
    parts = text.lower().split(",")
    if text == "root" or (len(parts) == 1 and _is_host(world, parts[0])):
        return _found(world.tenant.site_at(""))
    if len(parts) == _ID_PARTS:
        _check_host(world, parts[0])
        parts = parts[1:]
    for site in world.tenant.sites:
        ids = [str(site.collection), str(site.web)]
        if parts == ids or (site.is_top and parts == ids[:1]):
            return site
    if len(parts) == 1 and "." in text:
        _check_host(world, text)
    raise _missing()


def _found(site: SharePointSite | None) -> SharePointSite:
    if site is None:
        raise _missing()
    return site


def _is_host(world: World, text: str) -> bool:
    return text.lower() in hosts(world)


def _check_host(world: World, text: str) -> None:
    if not _is_host(world, text):
        raise invalid_request("Invalid hostname for this tenancy")


def _names(segments: list[str]) -> tuple[list[str], list[str]]:
    """Names run up to the first segment that ends with a colon, or to the end."""
    for index, segment in enumerate(segments):
        if segment.endswith(":"):
            return [*segments[:index], *filter(None, [segment[:-1]])], segments[index + 1 :]
    return segments, []


def _missing() -> Problem:
    return Problem(404, "itemNotFound", "Requested site could not be found")
