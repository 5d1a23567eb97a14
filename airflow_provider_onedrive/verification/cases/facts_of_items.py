"""Facts of the service: items, their addresses, and how it refuses to change them."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.verification.case import SHAREPOINT, Observation, case
from airflow_provider_onedrive.verification.exchange import Answer
from airflow_provider_onedrive.verification.workspace import Workspace

_STALE = {"If-Match": '"{00000000-0000-0000-0000-000000000000},99"'}
_HEADERS = (
    *("content-type", "request-id", "date", "cache-control", "odata-version", "strict-transport-security"),
    *("x-ms-ags-diagnostic", "etag", "vary", "transfer-encoding"),
)


def _outcomes(space: Workspace, requests: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return {name: space.facts.outcome(space.send(*request)) for name, request in requests.items()}


@case("The properties of a file")
def properties_of_a_file(space: Workspace) -> Observation:
    item_id = space.put("a.txt", b"a").text("id")
    return space.facts.properties(space.send("GET", space.url(item_id=item_id)).body)


@case("The hashes and the size of an empty file")
def properties_of_an_empty_file(space: Workspace) -> Observation:
    return space.facts.properties({**space.put("a.txt", b"").body, "id": "", "parentReference": None})


@case("The address of an Office file")
def properties_of_an_office_file(space: Workspace) -> Observation:
    return space.facts.properties({"webUrl": space.put("a.docx", b"no Office file").text("webUrl")})


@case("The properties of a folder")
def properties_of_a_folder(space: Workspace) -> Observation:
    return space.facts.properties(space.send("GET", space.url()).body)


@case("The properties that the root of the drive has; their values are not reported", is_beyond=True)
def properties_of_the_root(space: Workspace) -> Observation:
    return space.facts.properties(space.send("GET", f"{space.drive_url}/root").body, is_own=False)


@case("The properties that the drive has; their values are not reported", is_beyond=True)
def properties_of_the_drive(space: Workspace) -> Observation:
    return space.facts.properties(space.send("GET", space.drive_url).body, is_own=False)


@case("The headers of an answer; the client's own id of a request comes back")
def headers_of_answers(space: Workspace) -> Observation:
    sent = "11111111-2222-4333-8444-555555555555"
    answer = space.send("GET", space.url(), headers={"client-request-id": sent})
    facts = space.facts.outcome(answer, *_HEADERS)
    return {**facts, "client-request-id": answer.headers.get("client-request-id") == sent}


@case("The properties that come with $select, and with the list of a folder")
def selected_properties(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    chosen = space.send("GET", space.url_of("a.txt") + "?$select=name,size").body
    listed = space.send("GET", space.url("children") + "?$select=name").body
    return {"item": space.facts.properties(chosen), "list": space.facts.properties(listed)}


@case("The refusals of what is not there: by path, by id, below a file, and of a method that is unknown")
def missing_items(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    requests = {
        "by path": ("GET", space.url_of("b.txt")),
        "in a missing folder": ("GET", f"{space.url()}:/in/b.txt"),
        "below a file": ("GET", f"{space.url()}:/a.txt/b.txt"),
        "content": ("GET", space.url_of("b.txt", "content")),
        "children": ("GET", space.url_of("b.txt", "children")),
        "deletion": ("DELETE", space.url_of("b.txt")),
        "unknown segment": ("GET", space.url("nosuchthing")),
    }
    return _outcomes(space, requests)


@case("The refusals of ids that no item has, and of a drive that cannot be")
def malformed_ids(space: Workspace) -> Observation:
    items = {name: ("GET", space.url(item_id=name)) for name in ("aaa", "112", "111a", "aaaa1")}
    drives = {"drive": ("GET", "/drives/nosuchdrive/root"), "path of an id": ("GET", f"{space.url()}:/")}
    return _outcomes(space, items | drives)


@case("The refusal to list a file")
def children_of_a_file(space: Workspace) -> Observation:
    item_id = space.put("a.txt", b"a").text("id")
    requests = {
        "children": ("GET", space.url("children", item_id=item_id)),
        "expanded": ("GET", space.url(item_id=item_id) + "?$expand=children"),
    }
    return _outcomes(space, requests)


@case("The children of a folder come with it")
def expanded_children(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    body = space.send("GET", space.url() + "?$expand=children").body
    children = body.get("children")
    return {"number": len(children) if isinstance(children, list) else None}


@case("One child by its name in parentheses")
def keys_in_parentheses(space: Workspace) -> Observation:
    item = space.put("a.txt", b"a")
    answers = {name: space.send("GET", space.url(f"children('{name}')")) for name in ("a.txt", "b.txt")}
    facts = {name: space.facts.outcome(answer) for name, answer in answers.items()}
    return {**facts, "same id": answers["a.txt"].text("id") == item.text("id")}


@case("The refusals of an eTag that the item does not have: content, change and deletion")
def stale_etags(space: Workspace) -> Observation:
    item_id = space.put("a.txt", b"a").text("id")
    url = space.url(item_id=item_id)
    answers = {
        "content": space.put("a.txt", b"b", headers=_STALE),
        "change": space.send("PATCH", url, json={"description": "changed"}, headers=_STALE),
        "deletion": space.send("DELETE", url, headers=_STALE),
    }
    return {name: space.facts.outcome(answer) for name, answer in answers.items()}


@case("A change with the right eTag, and with the right cTag")
def right_etags(space: Workspace) -> Observation:
    facts: dict[str, Any] = {}
    for name in ("eTag", "cTag"):
        item = space.put("a.txt", name.encode())
        url, headers = space.url(item_id=item.text("id")), {"If-Match": item.text(name)}
        answer = space.send("PATCH", url, json={"description": name}, headers=headers)
        facts[name] = space.facts.outcome(answer)
    return facts


@case("A rename moves the eTag and not the cTag; a PUT moves both")
def tags_after_changes(space: Workspace) -> Observation:
    first = space.put("a.txt", b"first")
    renamed = space.send("PATCH", space.url(item_id=first.text("id")), json={"name": "b.txt"})
    second = space.put("b.txt", b"second")
    return {
        "rename": {"status": renamed.status, **_tags(first, renamed)},
        "content": {"status": second.status, **_tags(renamed, second)},
    }


def _tags(before: Answer, after: Answer) -> dict[str, bool]:
    return {name: before.text(name) == after.text(name) for name in ("id", "eTag", "cTag")}


@case("The refusals of a taken name: by a change, by a PUT, and in another letter case")
def taken_names(space: Workspace) -> Observation:
    item = space.put("a.txt", b"a")
    space.put("b.txt", b"b")
    fails = "?@microsoft.graph.conflictBehavior=fail"
    answers = {
        "change": space.send("PATCH", space.url(item_id=item.text("id")), json={"name": "b.txt"}),
        "content": space.put("b.txt", b"c", fails),
        "letter case": space.put("A.TXT", b"c", fails),
    }
    return {name: space.facts.outcome(answer) for name, answer in answers.items()}


@case("A time that a client sets: what becomes of its fraction")
def times_of_files(space: Workspace) -> Observation:
    url = space.url(item_id=space.put("a.txt", b"a").text("id"))
    changes = {"fileSystemInfo": {"lastModifiedDateTime": "2020-01-02T03:04:05.678Z"}}
    answer = space.send("PATCH", url, json=changes)
    return {**space.facts.outcome(answer), "time": answer.text("fileSystemInfo", "lastModifiedDateTime")}


@case("A deletion, and what is answered about the item afterwards")
def deletions(space: Workspace) -> Observation:
    url = space.url(item_id=space.put("a.txt", b"a").text("id"))
    answers = {"first": space.send("DELETE", url), "second": space.send("DELETE", url), "read": space.send("GET", url)}
    return {name: space.facts.outcome(answer) for name, answer in answers.items()}


@case("The answer to a deletion that does not go to the recycle bin")
def permanent_deletion(space: Workspace) -> Observation:
    url = space.url("permanentDelete", item_id=space.put("a.txt", b"a").text("id"))
    return space.facts.outcome(space.send("POST", url))


@case("The versions of a file that was written twice")
def versions(space: Workspace) -> Observation:
    for content in (b"first", b"second"):
        item = space.put("a.txt", content)
    answer = space.send("GET", space.url("versions", item_id=item.text("id")))
    ids = [str(each.get("id")) for each in answer.values]
    return {**space.facts.outcome(answer), "ids": ids if all(map(_is_number, ids)) else len(ids)}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


@case("A file is checked out and in", drives=SHAREPOINT)
def checkouts(space: Workspace) -> Observation:
    url = space.url("", item_id=space.put("a.txt", b"a").text("id"))
    answers = {name: space.send("POST", f"{url}/{name}", json={}) for name in ("checkout", "checkin")}
    return {name: space.facts.outcome(answer) for name, answer in answers.items()}


@case("The properties of the list item of a file", drives=SHAREPOINT)
def list_item(space: Workspace) -> Observation:
    url = space.url("listItem", item_id=space.put("a.txt", b"a").text("id"))
    return space.facts.properties(space.send("GET", url + "?$select=id,eTag,webUrl,contentType").body)
