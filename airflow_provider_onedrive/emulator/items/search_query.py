"""``POST /search/query``, as far as files are concerned.

https://learn.microsoft.com/graph/api/search-query
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import search
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import clock, names
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

# https://learn.microsoft.com/graph/api/resources/searchrequest: 25 unless the request says otherwise, 500 at most.
MAX_SIZE = 500
_DEFAULT_SIZE = 25
_TERM = re.compile(r"(NOT\s+|-)?(?:(\w+)[:=])?(?:\"([^\"]*)\"|(\S+))")
Hit = tuple[Drive, Item]
Term = Callable[[ItemViews, Drive, Item], bool]
_Test = Callable[[ItemViews, Drive, Item, str], bool]


def is_meant(segments: list[str]) -> bool:
    return segments == ["search", "query"]


@dataclass(frozen=True)
class SearchQuery:
    """Answers ``POST /search/query``."""

    tenant: Tenant
    authorization: Authorization
    views: ItemViews
    quirks: Quirks

    def respond(self, request: Request, token: Token) -> Reply:
        if request.method != "POST":
            raise Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
        body = request.json()
        asked = body.get("requests")
        if not isinstance(asked, list) or not asked or not all(isinstance(each, dict) for each in asked):
            raise bad_request("The body must hold the array 'requests'.")
        value = [self._answer(token, each) for each in asked]
        context = f"{request.graph_url}/v1.0/$metadata#Collection(microsoft.graph.searchResponse)"
        return json_reply(200, {"@odata.context": context, "value": value})

    def _answer(self, token: Token, asked: dict[str, Any]) -> dict[str, Any]:
        text, start, size = _read(token, asked)
        hits = list(self._hits(token, _terms(text)))
        shown = hits[start : start + size]
        value = [self._hit(each, rank, asked.get("fields")) for rank, each in enumerate(shown, start + 1)]
        more = start + size < len(hits)
        return {
            "searchTerms": [match[3] or match[4] for match in _TERM.finditer(text)],
            "hitsContainers": [{"hits": value, "total": len(hits), "moreResultsAvailable": more}],
        }

    def _hits(self, token: Token, terms: list[Term]) -> Iterator[Hit]:
        for drive in self.tenant.drives():
            # Results are trimmed to items that the caller may read.
            if drive.deny or not self.authorization.may(token, drive, is_writing=False):
                continue
            with drive.lock:
                matches = [item for item in drive.root.walk() if all(term(self.views, drive, item) for term in terms)]
                yield from ((drive, item) for item in search.indexed(self.quirks, iter(matches)))

    def _hit(self, hit: Hit, rank: int, fields: object) -> dict[str, Any]:
        """Return the properties in the index: neither hash nor tags."""
        # A client that replaced sharedWithMe by this search found neither hash nor eTag in it (AB#3728).
        drive, item = hit
        resource = {
            "@odata.type": "#microsoft.graph.driveItem",
            "id": item.id,
            "name": item.name,
            "size": item.size,
            "webUrl": self.views.web_url(drive, item),
            "createdDateTime": clock.text(item.created),
            "lastModifiedDateTime": clock.text(item.modified),
            "fileSystemInfo": {
                "createdDateTime": clock.text(item.client_created),
                "lastModifiedDateTime": clock.text(item.client_modified),
            },
            "parentReference": {"driveId": drive.id, "id": item.parent.id if item.parent else None},
        }
        if isinstance(fields, list) and fields:
            kept = {*map(str, fields), "@odata.type", "id", "parentReference"}
            resource = {name: value for name, value in resource.items() if name in kept}
        return {"hitId": item.id, "rank": rank, "summary": "", "resource": resource}


def _read(token: Token, asked: dict[str, Any]) -> tuple[str, int, int]:
    if asked.get("entityTypes") != ["driveItem"]:
        raise bad_request("The emulator searches for entityTypes ['driveItem'] only.")
    # Documented: an application must name the region of the data.
    if token.user is None and not asked.get("region"):
        raise bad_request("Region is required when request with application permission.")
    query, start, size = asked.get("query"), asked.get("from", 0), asked.get("size", _DEFAULT_SIZE)
    text = query.get("queryString") if isinstance(query, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise bad_request("query.queryString must be a text.")
    if not _is_count(start, 0) or not _is_count(size, 1) or size > MAX_SIZE:
        raise bad_request(f"'from' must be 0 or more, and 'size' between 1 and {MAX_SIZE}.")
    return text, start, size


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value


def _terms(text: str) -> list[Term]:
    """Read the terms, all of which must hold. Of the operators of KQL, NOT is supported and AND is implied."""
    return [_term(match) for match in _TERM.finditer(text) if match[0] not in {"AND", "*"}]


def _term(match: re.Match[str]) -> Term:
    negated, prop, quoted, word = match.groups()
    wanted = names.key(quoted if quoted is not None else word).strip("*")
    test = _PROPERTIES.get((prop or "name").lower())
    if test is None:
        raise bad_request(f"The emulator does not know the property '{prop}'.")
    return lambda views, drive, item: test(views, drive, item, wanted) != bool(negated)


def _has_name(_: ItemViews, __: Drive, item: Item, wanted: str) -> bool:
    return wanted in names.key(item.name)


def _has_type(_: ItemViews, __: Drive, item: Item, wanted: str) -> bool:
    return not item.is_folder and names.key(item.name).endswith("." + wanted)


def _lies_in(views: ItemViews, drive: Drive, item: Item, wanted: str) -> bool:
    return names.key(views.web_url(drive, item)).startswith(wanted)


def _is_document(_: ItemViews, __: Drive, item: Item, wanted: str) -> bool:
    return item.is_folder != (wanted in {"true", "1"})


_PROPERTIES: Mapping[str, _Test] = {
    "name": _has_name,
    "filename": _has_name,
    "title": _has_name,
    "filetype": _has_type,
    "fileextension": _has_type,
    "path": _lies_in,
    "isdocument": _is_document,
}
