"""Delta: the changes of a drive since a token was issued.

https://learn.microsoft.com/graph/api/driveitem-delta
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.changes import rounds
from airflow_provider_onedrive.emulator.changes.deltatokens import DeltaToken, Kind, read
from airflow_provider_onedrive.emulator.errors.problems import Problem, access_denied, invalid_request, not_supported
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.changes import Tombstone
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.ids import ctag, site_guid
from airflow_provider_onedrive.emulator.options import Options

# Measured on a consumer's drive: delta accepts $top=5000, while a listing of children ends at 1000.
MAX_PAGE_SIZE = 5000
# The tombstone of a business file has this impossible hash, as measured on a live tenant.
_NO_HASH = "A" * 27 + "="
_KEPT = ("id", "deleted")


@dataclass(frozen=True)
class Delta:
    """Answers delta queries."""

    views: ItemViews
    authorization: Authorization
    options: Options

    def get(self, call: Call) -> Reply:
        """Answer with one page of a round, and with the link to the next page or to the next round."""
        size = self._page_size(call)
        # An option that is silently ignored would give a client wrong results, so it is refused.
        for name in ("filter", "expand", "orderby", "count", "search"):
            if call.request.option(name) is not None:
                raise not_supported()
        with call.drive.lock:
            scope = _scope(call)
            self._check_scope(call, scope)
            token = read(call.drive, scope.id, _token_text(call))
            _check_age(call, token)
            return self._answer(call, scope, token, size)

    def _check_scope(self, call: Call, scope: Item) -> None:
        """Refuse delta of a whole drive to a user who may open only one folder of it."""
        address = ItemAddress(scope.id)
        if not self.authorization.may(call.token, call.drive, address, is_writing=False):
            raise access_denied()

    def _answer(self, call: Call, scope: Item, token: DeltaToken, size: int) -> Reply:
        if token.kind is Kind.LATEST:
            return self._page(call, scope, [], DeltaToken(Kind.DELTA, call.drive.log.position))
        # Clients that track ids set deltaExcludeParent to save the unchanged ancestors of each change.
        exclude_parents = call.request.header("deltaExcludeParent") is not None
        the_round, offset = rounds.find(call.drive, scope, token, size, exclude_parents=exclude_parents)
        entries, end = the_round.entries[offset : offset + size], offset + size
        if end < len(the_round.entries):
            next_token = DeltaToken(Kind.NEXT, token.position, the_round.id, end)
        else:
            next_token = DeltaToken(Kind.DELTA, the_round.position)
        return self._page(call, scope, entries, next_token)

    def _page(self, call: Call, scope: Item, entries: list[Item | Tombstone], next_token: DeltaToken) -> Reply:
        name = "@odata.nextLink" if next_token.kind is Kind.NEXT else "@odata.deltaLink"
        fields = call.request.option("select")
        value = {
            "@odata.context": f"{call.request.graph_url}/v1.0/$metadata#Collection(driveItem)",
            name: _link(call, next_token.write(call.drive, scope.id)),
            "value": [_select(self._entry_json(call, entry), fields) for entry in entries],
        }
        return json_reply(200, value)

    def _entry_json(self, call: Call, entry: Item | Tombstone) -> dict[str, Any]:
        if isinstance(entry, Tombstone):
            return _tombstone_json(call.drive, self.views.reported_drive_id(call.drive), entry)
        value = self.views.item_json(call.drive, entry.seen_by(call.by))
        # Recorded: delta and searches name an Office file itself, not its editor.
        value["webUrl"] = self.views.web_url(call.drive, entry)
        if call.drive.personality == "business":
            # Microsoft documents that delta omits the cTag of created and changed business items.
            value.pop("cTag", None)  # documented so
        return value

    def _page_size(self, call: Call) -> int:
        top = call.request.option("top")
        if top is None:
            return self.options.page_size
        if not top.isascii() or not top.isdigit() or int(top[:9]) == 0:
            raise invalid_request("Invalid page size specified: must be a positive number.")
        return min(int(top[:9]), MAX_PAGE_SIZE)


def _scope(call: Call) -> Item:
    """Return the folder whose changes are listed. For work or school it is always the root."""
    item = call.item()
    # Delta of a folder is scoped for consumers only. For work or school rclone reports that it covers the whole
    # drive.
    return item if call.drive.personality == "personal" else call.drive.root


def _tombstone_json(drive: Drive, drive_id: str, tombstone: Tombstone) -> dict[str, Any]:
    # Measured: a business tombstone has no name and size 0. Documented: a consumer's keeps its name.
    facet: dict[str, Any] = {"folder": {"childCount": 0}} if tombstone.is_folder else {"file": {}}
    reference = {"driveId": drive_id, "driveType": drive.library.drive_type, "id": tombstone.parent_id}
    if drive.personality == "personal":
        return {"id": tombstone.id, "name": tombstone.name, "deleted": {}, "parentReference": reference, **facet}
    if not tombstone.is_folder:
        facet = {"file": {"hashes": {"quickXorHash": _NO_HASH}}}
    return {
        "id": tombstone.id,
        "cTag": ctag(tombstone.guid, -1),
        "size": 0,
        "parentReference": reference | {"siteId": str(site_guid(drive.id))},
        "deleted": {"state": "deleted"},
        **facet,
    }


def _select(value: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Apply ``$select``, but keep the id and the deleted facet of a tombstone."""
    # A client that selects only `name` would otherwise not notice a deletion.
    return {name: value[name] for name in _KEPT if name in value} | odata.select(value, fields)


def _token_text(call: Call) -> str | None:
    """Return the token from the query or from ``delta(token='...')``."""
    # Clients send the token in the query or as an argument of the function; both forms are documented.
    text = call.request.query.get("token")
    _, is_function, arguments = call.request.path.rpartition("/")[2].partition("(token=")
    return arguments.rstrip(")").strip("'") if is_function else text


def _check_age(call: Call, token: DeltaToken) -> None:
    """Raise 410 when the log does not reach so far back, with the address of a fresh enumeration."""
    log = call.drive.log
    if not token.is_expired and token.position is not None and token.position < log.first:
        token = DeltaToken(Kind.EXPIRED)
    if token.is_expired:
        # The Location of a 410 leads to a new enumeration, which a client must follow before it drops its cursor.
        fresh = DeltaToken(Kind.FRESH).write(call.drive, _scope(call).id)
        raise Problem(
            410,
            "resyncRequired",
            "Resync required. Replace any local items with the server's version (including deletes) if you're sure "
            "that the service was up to date with your local changes when you last sync'd.",
            inner="resyncApplyDifferences",
            headers={"Location": _link(call, fresh)},
        )


def _link(call: Call, token: str) -> str:
    options = {name: value for name, value in call.request.query.items() if name != "token"} | {"token": token}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    path, slash, last = call.request.raw_path.rpartition("/")
    return f"{call.request.graph_url}{path}{slash}{last.partition('(')[0]}?{query}"
