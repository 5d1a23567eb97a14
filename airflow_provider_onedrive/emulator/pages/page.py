"""The target of ``webUrl``: a page of a folder or a file, to read and to download.

It requires no token, so it shows no secret, changes nothing, and answers only requests that name this machine
(``hosts``).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import Problem, missing_item
from airflow_provider_onedrive.emulator.http import hosts
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.items import versions, views
from airflow_provider_onedrive.emulator.model import addresses, names, sharing
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Item, SortKey
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.pages import html as page_html
from airflow_provider_onedrive.emulator.pages.html import Row
from airflow_provider_onedrive.emulator.sites.shares import Shares
from airflow_provider_onedrive.emulator.transfers import downloads

# The page of Office in a browser. There is none here, so it leads to the page of the file.
_EDITOR = re.compile(r"(?i).*/_layouts/15/doc\.aspx")
# Keeps a page small; a link leads to the next one.
PAGE_ITEMS = 500
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": page_html.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Another site must not embed pages or files of the emulator.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Pages:
    """Shows folders and files to browsers."""

    tenant: Tenant
    shares: Shares
    host: str | None

    def is_below_library(self, request: Request) -> bool:
        """Return True if the path is that of an item, whatever its name."""
        return self.tenant.drive_at(request.path) is not None

    def get(self, request: Request) -> Reply:
        """Answer with a page or, with ``?download``, with the file itself."""
        try:
            hosts.check(request, *([self.host] if self.host else []))
            return self._reply(request)
        except Problem as problem:
            # Programs that request a wrong path get Graph's JSON error, browsers a page.
            if "text/html" not in (request.header("Accept") or ""):
                raise
            return _page(problem.status, page_html.refusal(problem.message, request.path))

    def _reply(self, request: Request) -> Reply:
        path = "/" + "/".join(addresses.split(request.raw_path))
        if edited := self._edited(request, path):
            return Reply(302, headers={"Location": edited})
        link = sharing.parse_link(path)
        if link:
            share = self.shares.by_link(link)
            return Reply(302, headers={"Location": views.web_path(share.drive, share.item)})
        located = self.tenant.drive_at(path)
        if located is None:
            return _page(200, self._drives(path))
        drive, below = located
        with drive.lock:
            item = drive.find(drive.root, below)
            if item.content is None:
                return _page(200, self._folder(drive, item, _position(request.query.get("after", ""))))
            if "download" in request.query:
                return downloads.attachment(request, item, _content(request, item), names.mime_type(item.name))
            return _page(200, page_html.file(_trail(drive, item), item, _named_by(item)))

    def _edited(self, request: Request, path: str) -> str | None:
        """Return the path of the file that the address of an editor names; None for another address."""
        if not _EDITOR.fullmatch(path):
            return None
        query = {name.lower(): text for name, text in request.query.items()}
        try:
            guid = uuid.UUID(query.get("sourcedoc") or query.get("resid") or "")
        except ValueError:
            raise missing_item() from None
        files = ((drive, drive.by_guid(guid)) for drive in self.tenant.drives())
        return next((views.web_path(drive, item) for drive, item in files if item), None)

    def _drives(self, path: str) -> str:
        """Return a page of the libraries of a site; that of the root site has all drives."""
        site = self.tenant.site_at(path)
        if site is None:
            raise missing_item()
        if site.path:
            return page_html.drives(site.title, [_row(drive, drive.library.name) for drive in site.drives])
        users = [_row(user.drive, user.upn) for user in self.tenant.users if user.drive]
        sites = [
            _row(drive, f"{site.title} / {drive.library.name}")
            for site in self.tenant.sites
            if not site.is_personal
            for drive in site.drives
        ]
        return page_html.drives("Drives", [*users, *sites])

    def _folder(self, drive: Drive, folder: Item, after: SortKey | None) -> str:
        children, more = folder.page(after, PAGE_ITEMS)
        rows = [Row(child.name, self._address(drive, child), child) for child in children]
        next_position = "{}{}".format(*children[-1].sort_key) if more else None
        return page_html.folder(_trail(drive, folder), folder, rows, next_position)

    def _address(self, drive: Drive, item: Item) -> str:
        """Return the path of an item's page; a shortcut leads to that of its target."""
        remote = item.remote
        target_drive = self.tenant.drive(remote.drive_id) if remote else None
        target = target_drive.live(remote.item_id) if remote and target_drive else None
        return views.web_path(target_drive, target) if target_drive and target else views.web_path(drive, item)


def _page(status: int, text: str) -> Reply:
    # A name may have half a surrogate pair, which JSON can carry and UTF-8 cannot.
    return Reply(status, text.encode("utf-8", "replace"), dict(_HEADERS))


def _row(drive: Drive, name: str) -> Row:
    return Row(name, drive.library.address, drive.root)


def _trail(drive: Drive, item: Item) -> Sequence[tuple[str, str]]:
    """Return name and address of everything from the drive down to the item."""
    trail = []
    ancestor: Item | None = item
    while ancestor:
        name = ancestor.name if ancestor.parent else _drive_name(drive)
        trail.append((name, views.web_path(drive, ancestor)))
        ancestor = ancestor.parent
    return trail[::-1]


def _drive_name(drive: Drive) -> str:
    owner = drive.owner.get("user", {}).get("displayName")
    return drive.library.name if owner is None else f"{drive.library.name} of {owner}"


def _named_by(item: Item) -> str:
    identity = item.modified_by or item.by
    return next((str(one["displayName"]) for one in identity.values() if one.get("displayName")), "")


def _content(request: Request, item: Item) -> Content:
    number = request.query.get("version", str(item.version))
    if not (number.isascii() and number.isdigit()) or len(number) > len("999999999"):
        raise missing_item()
    return versions.find(item, int(number)).content


def _position(text: str) -> SortKey | None:
    """Read where a former page ended: ``0`` for a folder or ``1`` for a file, then its name."""
    return (int(text[0]), text[1:]) if text[:1] in {"0", "1"} else None
