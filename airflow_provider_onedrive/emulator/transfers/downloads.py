"""The download address on the second origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import format_datetime
from urllib.parse import quote

from airflow_provider_onedrive.emulator.errors.problems import Problem, malware_detected, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.items import conversions, versions
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class Downloads:
    """Answers requests to download URLs."""

    tenant: Tenant
    links: DownloadLinks

    def get(self, request: Request) -> Reply:
        """Answer with the file, or with the requested range."""
        item, content = self._item(request)
        if content is None:
            raise missing_item()
        content_type = names.mime_type(item.name)
        # The redirect of /content?format=pdf leads here.
        if "format" in request.query:
            content, content_type = Content(conversions.pdf(item.name)), conversions.PDF
        return attachment(request, item, content, content_type)

    def _item(self, request: Request) -> tuple[Item, Content | None]:
        drive_id, item_id, version = self.links.check(request.query.get("tempauth", ""))
        drive = self.tenant.drive(drive_id)
        if drive is None:
            raise missing_item()
        item = drive.get(item_id)
        if version is None and item.malware is not None:
            raise malware_detected(item.malware)
        return item, item.content if version is None else versions.find(item, version).content


def attachment(request: Request, item: Item, content: Content, content_type: str) -> Reply:
    """Answer so that a browser saves the file and runs nothing in it."""
    headers = {
        "Content-Type": content_type,
        "ETag": item.etag,
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(item.modified, usegmt=True),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name, safe='')}",
        # A file may be HTML with a script; on this origin it must not read other files.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private",
    }
    # A range that cannot be served as one is answered with the whole file, which HTTP allows.
    span = _span(request, item, content)
    if span is None:
        return Reply(200, headers=headers, stream=(content, 0, content.size))
    start, stop = span
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    return Reply(206, headers=headers, stream=(content, start, stop))


def _span(request: Request, item: Item, content: Content) -> tuple[int, int] | None:
    """Return first byte and end of the range; None = the whole file, also when the header is not understood."""
    match = _RANGE.fullmatch(request.header("Range") or "")
    if match is None or match.groups() == ("", "") or request.header("If-Range") not in {None, item.etag}:
        return None
    first, last = match.groups()
    start = int(first) if first else max(content.size - int(last), 0)
    stop = min(int(last) + 1, content.size) if first and last else content.size
    if first and last and int(last) < int(first):
        return None
    if start >= content.size or stop <= start:
        headers = {"Content-Range": f"bytes */{content.size}"}
        raise Problem(416, "invalidRange", "The requested range is not satisfiable.", headers=headers)
    return start, stop
