"""Cases of items: reading, listing, creating and deleting them, and downloads."""

from __future__ import annotations

from functools import partial

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.verification.case import SHAREPOINT, Observation, case
from airflow_provider_onedrive.verification.cases.results import error_of, names_of, of_item
from airflow_provider_onedrive.verification.facts import raised
from airflow_provider_onedrive.verification.workspace import Workspace


@case("A folder is read by its location and by its ids", "stat")
def stat_folder(space: Workspace) -> Observation:
    item = space.client.stat(space.folder.location)
    by_ids = space.client.stat(f"items/{item.drive_id}/{item.id}")
    return {"is folder": item.is_folder, "children": item.child_count, "same id": item.id == by_ids.id}


@case("A missing file does not exist, nor does a file in a file", "stat", "exists", "upload")
def stat_missing(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    exist = [space.client.exists(space.at(path)) for path in ("a.txt", "b.txt", "a.txt/b.txt", "in/b.txt")]
    return {"exist": exist, "missing": error_of(lambda: space.client.stat(space.at("b.txt")))}


@case("A folder is listed, walked and searched for a pattern", "children", "walk", "find", "upload")
def listings(space: Workspace) -> Observation:
    for path in ("a.txt", "b.txt", "in/c.txt"):
        space.client.upload(space.at(path), content=b"a", create_folders=True)
    folder = space.folder.to_dict()
    return {
        "children": names_of(space.client.children(folder)),
        "walk": names_of(space.client.walk(folder)),
        "pattern": names_of(space.client.find(folder, Filters("**/*.txt"))),
        "in a file": error_of(lambda: list(space.client.children(space.at("a.txt")))),
    }


@case("A request that no other method makes is answered with its JSON", "request")
def request(space: Workspace) -> Observation:
    answer = space.client.request("GET", space.url(), params={"$select": "id,name"})
    is_same = isinstance(answer, dict) and answer.get("id") == space.folder.id
    missing = error_of(lambda: space.client.request("GET", space.url_of("b.txt")))
    return {"same id": is_same, "missing": missing}


@case(
    "The list of what is shared with the user can be read; nothing of it is reported", "shared_folders", is_beyond=True
)
def shared_folders(space: Workspace) -> Observation:
    return {"is a list": isinstance(space.client.shared_folders(), list)}


@case("A client that was stopped sends nothing", "close", "stop")
def close_and_stop(space: Workspace) -> Observation:
    client = Client(space.client.settings)
    client.stop()
    error = error_of(lambda: client.stat(space.folder.to_dict()))
    client.close()
    return error


@case("A folder is created once; its missing parents are an error, or created", "create_folder")
def create_folder(space: Workspace) -> Observation:
    item = space.client.create_folder(space.at("in"))
    taken = error_of(lambda: space.client.create_folder(space.at("in")))
    again = space.client.create_folder(space.at("in"), exist_ok=True)
    missing = error_of(lambda: space.client.create_folder(space.at("out/below")))
    below = space.client.create_folder(space.at("out/below"), create_folders=True)
    outcomes = {"again": again.outcome, "same id": again.id == item.id, "below": below.name}
    return {**of_item(item), "taken": taken, "missing": missing, **outcomes}


@case("A folder cannot take the name of a file", "create_folder", "upload")
def create_folder_over_file(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    return error_of(lambda: space.client.create_folder(space.at("a.txt"), exist_ok=True))


@case("A file is deleted; a missing one is an error, or ignored", "delete", "exists", "upload")
def delete_file(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    deleted = space.client.delete(space.at("a.txt"))
    missing = error_of(lambda: space.client.delete(space.at("a.txt")))
    ignored = space.client.delete(space.at("a.txt"), ignore_if_missing=True)
    exists = space.client.exists(space.at("a.txt"))
    return {"deleted": names_of(deleted), "missing": missing, "ignored": len(ignored), "exists": exists}


@case("A folder that holds something is only deleted with all of it", "delete", "exists", "upload")
def delete_folder(space: Workspace) -> Observation:
    space.client.upload(space.at("in/a.txt"), content=b"a", create_folders=True)
    refused = error_of(lambda: space.client.delete(space.at("in")))
    deleted = space.client.delete(space.at("in"), recursive=True)
    exist = [space.client.exists(space.at(path)) for path in ("in", "in/a.txt")]
    return {"refused": refused, "deleted": names_of(deleted), "exist": exist}


@case("A file is deleted and not moved to the recycle bin", "delete", "exists", "upload", drives=SHAREPOINT)
def delete_permanently(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    deleted = space.client.delete(space.at("a.txt"), permanent=True)
    return {"deleted": names_of(deleted), "exists": space.client.exists(space.at("a.txt"))}


@case(
    "A batch deletes the files that are as they were read, and leaves the one that was changed",
    "delete_all",
    "children",
    "upload",
)
def delete_all(space: Workspace) -> Observation:
    names = ("a.txt", "b.txt", "c.txt")
    items = [space.client.upload(space.at(name), content=b"first") for name in names]
    space.client.upload(space.at("b.txt"), content=b"second", if_exists="replace")
    refused = space.client.delete_all(items)
    left = names_of(space.client.children(space.folder.to_dict()))
    return {"refused": {item.name: raised(error) for item, error in refused}, "left": left}


@case("A file is downloaded, skipped if it is the same, and refused with a stale eTag", "download", "upload")
def download(space: Workspace) -> Observation:
    target = space.local / "out.txt"
    first = space.client.upload(space.at("a.txt"), content=b"first")
    item = space.client.download(space.at("a.txt"), str(target))
    same = space.client.download(space.at("a.txt"), str(target), if_exists="skip_if_same")
    space.client.upload(space.at("a.txt"), content=b"second", if_exists="replace")
    stale = error_of(lambda: space.client.download(space.at("a.txt"), str(target), expected_etag=first.etag))
    content = target.read_bytes() == b"first"
    return {"outcome": item.outcome, "same": same.outcome, "is read as sent": content, "stale": stale}


@case("A missing file and a folder cannot be downloaded", "download", "create_folder")
def download_missing(space: Workspace) -> Observation:
    space.client.create_folder(space.at("in"))
    target = str(space.local / "out.txt")
    client = space.client
    return {name: error_of(partial(client.download, space.at(name), target)) for name in ("b.txt", "in")}
