"""Facts of the service: copies, and delta."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.exchange import Answer, send
from airflow_provider_onedrive.verification.workspace import Workspace

_ENDED = ("completed", "failed")
_MOST_PAGES = 20


def _copy(space: Workspace, item: Answer, name: str) -> Answer:
    body = {"name": name, "parentReference": {"driveId": space.folder.drive_id, "id": space.folder.id}}
    return space.send("POST", space.url("copy", item_id=item.text("id")), json=body)


def _monitored(space: Workspace, copy: Answer) -> Answer:
    url = copy.headers.get("location", "")
    return space.eventually(
        lambda: send(space.client, "GET", url, preauthorized=True),
        lambda answer: answer.text("status") in _ENDED or answer.status not in (200, 202),
    )


@case("A copy is accepted, and its monitor tells its end and the id")
def copy_monitor(space: Workspace) -> Observation:
    copy = _copy(space, space.put("a.txt", b"a"), "b.txt")
    monitor = _monitored(space, copy)
    copied = space.send("GET", space.url_of("b.txt"))
    return {
        "copy": space.facts.outcome(copy, "location"),
        "monitor": space.facts.properties(monitor.body),
        "same id": copied.text("id") == monitor.text("resourceId"),
    }


@case("A copy to a taken name is refused, or its monitor tells so")
def copy_to_a_taken_name(space: Workspace) -> Observation:
    item = space.put("a.txt", b"a")
    space.put("b.txt", b"b")
    copy = _copy(space, item, "b.txt")
    if copy.is_refusal:
        return {"copy": space.facts.outcome(copy)}
    monitor = _monitored(space, copy)
    error = monitor.body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return {"copy": copy.status, "monitor": monitor.status, "status": monitor.text("status"), "code": code}


def _latest(space: Workspace) -> Answer:
    return space.send("GET", f"{space.drive_url}/root/delta?token=latest")


def _events(space: Workspace, delta_link: str) -> dict[str, dict[str, Any]]:
    """Return the latest events of a round by id. Others may change things meanwhile: those are not looked at."""
    events: dict[str, dict[str, Any]] = {}
    link, pages = delta_link, 0
    while link and pages < _MOST_PAGES:
        page = space.send("GET", link)
        events |= {str(each.get("id")): each for each in page.values}
        link, pages = page.text("@odata.nextLink"), pages + 1
    return events


@case("Delta from now on: no items, and a link", is_beyond=True)
def delta_latest(space: Workspace) -> Observation:
    answer = _latest(space)
    return {**space.facts.outcome(answer), "items": len(answer.values), "link": bool(answer.text("@odata.deltaLink"))}


@case("The event of a new file", is_beyond=True)
def delta_of_a_new_file(space: Workspace) -> Observation:
    _ = space.folder  # before delta begins
    link = _latest(space).text("@odata.deltaLink")
    item_id = space.put("a.txt", b"a").text("id")
    events = space.eventually(lambda: _events(space, link), lambda events: item_id in events)
    return space.facts.properties(events.get(item_id, {}))


@case("The event of a deleted folder, and of the file in it", is_beyond=True)
def delta_of_a_deletion(space: Workspace) -> Observation:
    folder = space.send("POST", space.url("children"), json={"name": "in", "folder": {}}).text("id")
    file = space.send("POST", space.url("children", item_id=folder), json={"name": "below", "folder": {}}).text("id")
    link = _latest(space).text("@odata.deltaLink")
    space.send("DELETE", space.url(item_id=folder))
    events = space.eventually(lambda: _events(space, link), lambda events: {folder, file} <= events.keys())
    facts: dict[str, Any] = {
        name: space.facts.properties(events.get(item_id, {})) for name, item_id in (("folder", folder), ("below", file))
    }
    return facts


@case("The refusal of a token that is none", is_beyond=True)
def delta_tokens(space: Workspace) -> Observation:
    return space.facts.outcome(space.send("GET", f"{space.drive_url}/root/delta?token=nosuchtoken"))
