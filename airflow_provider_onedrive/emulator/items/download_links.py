"""Download URLs: for a short time they grant access to every client that has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import quote

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.model.drive import Drive, Item


class DownloadLinks:
    """Signed URLs that carry the permission themselves, so that listing a folder stores nothing."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._key = secrets.token_bytes(32)

    def create(self, drive: Drive, item: Item, lifetime_seconds: float, version: int | None = None) -> str:
        """:param version: number of a former version; None = the version that is current when the URL is used."""
        text = f"{int((time.time() + lifetime_seconds) * 1000)}.{drive.id}.{item.id}.{version or ''}"
        tempauth = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") + "." + self._sign(text)
        # The URL has the shape of the real one: clients that encode its query again break tempauth, as with the
        # service.
        query = f"UniqueId={item.guid}&Translate=false&tempauth=v1.{quote(tempauth)}&ApiVersion=2.0"
        return f"{self._store_url}{drive.web_path}/_layouts/15/download.aspx?{query}"

    def check(self, tempauth: str) -> tuple[str, str, int | None]:
        """Return the ids of drive and item, and the number of a former version, if the URL names one."""
        version, _, rest = tempauth.partition(".")
        packed, _, signature = rest.partition(".")
        text = _unpack(packed)
        if version != "v1" or not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            raise _refused("The request is not authenticated.")
        expires_milliseconds, drive_id, item_id, version = text.split(".")
        if time.time() * 1000 >= int(expires_milliseconds):
            raise _refused("The download URL has expired.")
        return drive_id, item_id, int(version) if version else None

    def revoke(self) -> None:
        """Let every address given so far be refused."""
        self._key = secrets.token_bytes(32)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _unpack(packed: str) -> str:
    try:
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except ValueError:
        return ""


def _refused(message: str) -> Problem:
    return Problem(401, "unauthenticated", message)
