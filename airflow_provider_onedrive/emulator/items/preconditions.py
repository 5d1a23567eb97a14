"""If-Match and If-None-Match. An eTag and a cTag are both taken, to the letter, quotation marks included."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import tag_mismatch
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.drive import Item

# A tag contains a comma, so a list of tags cannot be split at commas.
_TAG = re.compile(r'\*|(?:W/)?"[^"]*"')


@dataclass(frozen=True)
class Preconditions:
    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, item: Item | None, code: str) -> None:
        """Raise 412 with ``code`` when they do not hold."""
        if self.if_match is not None and not (item and _matches(item, self.if_match)):
            raise tag_mismatch(code)
        if self.if_none_match is not None and item and _matches(item, self.if_none_match):
            raise tag_mismatch(code)

    def is_unchanged(self, item: Item) -> bool:
        """Return True if If-None-Match names the current version."""
        return self.if_none_match is not None and _matches(item, self.if_none_match)


def preconditions(request: Request) -> Preconditions:
    return Preconditions(request.header("If-Match"), request.header("If-None-Match"))


def _matches(item: Item, tags: str) -> bool:
    # Clients send either tag, and the service accepts both.
    current = {"*", item.etag, item.ctag, item.list_etag}
    return not current.isdisjoint(_TAG.findall(tags))
