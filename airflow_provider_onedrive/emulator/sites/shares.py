"""Sharing links: the item that a link leads to, and the check of the caller.

https://learn.microsoft.com/graph/api/shares-get
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.changes import rounds
from airflow_provider_onedrive.emulator.errors.problems import (
    Problem,
    access_denied,
    invalid_request,
    missing_item,
    unknown_segment,
)
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import addresses, sharing
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.sharing import LinkAddress, Permission
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.sites.drives import DriveAddress, Drives
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

# Documented as the least that is needed.
_ENOUGH = frozenset({"Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"})
_ENOUGH_WITH_USER = _ENOUGH | {"Files.ReadWrite"}
# Documented values of the Prefer header: redeem for good, or only for this request.
_REDEEM, _REDEEM_ONCE = "redeemsharinglink", "redeemsharinglinkifnecessary"


@dataclass(frozen=True)
class Share:
    """:param link: None when the address is the item's own."""

    drive: Drive
    item: Item
    link: Permission | None


@dataclass(frozen=True)
class Shares:
    """Follows sharing links."""

    tenant: Tenant
    authorization: Authorization
    drives: Drives
    views: ItemViews

    def find(self, request: Request, token: Token, segments: list[str]) -> DriveAddress | Reply:
        """Return the drive and the segments that a share leads to, or the answer for the share itself."""
        if not segments:
            raise unknown_segment("shares")
        if not token.permissions & (_ENOUGH_WITH_USER if token.user else _ENOUGH):
            raise access_denied()
        share = self._find(segments[0])
        if share.drive.deny:
            raise access_denied()
        rest = _below(share.item, segments[1:])
        action = rest[-1] if rest else ""
        self._check(request, token, share, is_writing=authorization.writes(request.method, action))
        match segments[1:]:
            case []:
                return json_reply(200, _json(share, segments[0], request.graph_url))
            case ["permission"] if share.link:
                return json_reply(200, {"id": share.link.id, "roles": [share.link.role]})
            case ["items"]:
                return json_reply(200, {"value": [self.views.item_json(share.drive, share.item)]})
            case ["list"]:
                return json_reply(200, self.drives.list_json(share.drive))
        _check_within(share, rest)
        return DriveAddress(share.drive, rest, is_checked=True)

    def _find(self, text: str) -> Share:
        drive_path = _path(text)
        link = sharing.parse_link(drive_path)
        if link:
            return self.by_link(link)
        located = self.tenant.drive_at(drive_path)
        if located is None:
            raise missing_item()
        drive, names = located
        return Share(drive, drive.find(drive.root, names), None)

    def by_link(self, link: LinkAddress) -> Share:
        """Follow a link.

        :raises Problem: it leads nowhere, or not any more.
        """
        for drive in self.tenant.drives():
            item = drive.by_guid(link.guid) if unquote(drive.web_path) == link.web_path.rstrip("/") else None
            if item:
                return Share(drive, item, _live_link(item, link.secret))
        raise missing_item()

    def _check(self, request: Request, token: Token, share: Share, *, is_writing: bool) -> None:
        """Refuse a caller without access. A user gets access by redeeming the link, which the request must ask for."""
        address = ItemAddress(share.item.id)
        # An application needs no redemption: its permission covers the drive.
        if token.user is None or self.authorization.may(token, share.drive, address, is_writing=is_writing):
            return
        if sharing.may(token.user.upn, share.item, writes=is_writing):
            return
        # Prefer is a list of tokens without case, so a part of the text is searched.
        wish = (request.header("Prefer") or "").lower()
        link = share.link
        if link is None or link.scope == "users" or _REDEEM not in wish or (is_writing and link.role == "read"):
            raise access_denied()
        if _REDEEM_ONCE not in wish:
            _remember(share, link, token.user.upn)


def _below(item: Item, segments: list[str]) -> list[str]:
    """Write ``driveItem`` and ``root`` as the item's own address."""
    head, *rest = segments or [""]
    name, colon, encoded = head.partition(":")
    if name in {"driveItem", "root"}:
        return ["items", f"{item.id}{colon}{encoded}", *rest]
    if segments and name not in {"items", "permission", "list"}:
        raise unknown_segment(name)
    return segments


def _path(text: str) -> str:
    """Return the decoded path of the address that a token holds; whose host it names does not count."""
    if not text.startswith("u!"):
        raise invalid_request("The sharing token is malformed.")
    # The token is base64url of the link without padding, behind `u!`.
    data = text[2:]
    try:
        url = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)).decode()
        return unquote(urlsplit(url).path)
    except ValueError:
        raise invalid_request("The sharing token is malformed.") from None


def _live_link(item: Item, secret: str) -> Permission:
    for permission in item.permissions:
        if permission.secret == secret and permission.is_alive:
            return permission
    raise Problem(403, "accessDenied", "The sharing link no longer exists, or you do not have permission to access it.")


def _remember(share: Share, link: Permission, upn: str) -> None:
    """Grant the user access from now on, as opening the link in a browser does."""
    with share.drive.change() as change:
        change.edit(share.item)
        # Redeeming adds the user to the link, so that later requests need no header.
        redeemed = replace(link, emails=(*link.emails, upn.lower()))
        share.item.permissions = tuple(redeemed if one is link else one for one in share.item.permissions)


def _check_within(share: Share, rest: list[str]) -> None:
    address, _ = addresses.parse_item(rest)
    with share.drive.lock:
        if not rounds.is_within(share.drive.get(address.base), share.item):
            raise missing_item()


def _json(share: Share, text: str, graph_url: str) -> dict[str, Any]:
    context = {"@odata.context": f"{graph_url}/v1.0/$metadata#shares/$entity"}
    return context | {"id": text, "name": share.item.name, "owner": share.drive.owner}
