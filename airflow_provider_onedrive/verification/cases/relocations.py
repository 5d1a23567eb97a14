"""Cases of moves and copies on the server."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.graph.protocol.options import RelocateOptions
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.cases.results import error_of, names_of, of_item
from airflow_provider_onedrive.verification.workspace import Workspace

_COPY_SECONDS = 300.0
_PATIENT = RelocateOptions(timeout_seconds=_COPY_SECONDS)


@case(
    "A file is moved into another folder under another name, and keeps its id and its content's tag",
    "move",
    "upload",
    "exists",
)
def move_file(space: Workspace) -> Observation:
    source = space.client.upload(space.at("a.txt"), content=b"a")
    item = space.client.move(space.at("a.txt"), space.at("in/b.txt"), create_folders=True)
    same = {
        "same id": item.id == source.id,
        "same cTag": item.ctag == source.ctag,
        "same eTag": item.etag == source.etag,
    }
    return {**of_item(item), **same, "exists": space.client.exists(space.at("a.txt"))}


@case("A move to a taken name fails, is skipped, gets another name, or replaces", "move", "upload", "read_bytes")
def move_taken(space: Workspace) -> Observation:
    for name in ("a.txt", "b.txt"):
        space.client.upload(space.at(name), content=name.encode())
    taken = error_of(lambda: space.client.move(space.at("a.txt"), space.at("b.txt")))
    skipped = space.client.move(space.at("a.txt"), space.at("b.txt"), if_exists="skip")
    replaced = space.client.move(space.at("a.txt"), space.at("b.txt"), if_exists="replace")
    content = space.client.read_bytes(space.at("b.txt")) == b"a.txt"
    return {"taken": taken, "skip": skipped.outcome, "replace": replaced.outcome, "is the moved one": content}


@case("A move to a taken name gets a number", "move", "upload")
def move_rename(space: Workspace) -> Observation:
    space.client.upload(space.at("b.txt"), content=b"b")
    space.client.upload(space.at("in/b.txt"), content=b"a", create_folders=True)
    return of_item(space.client.move(space.at("in/b.txt"), f"{space.folder.location}/", if_exists="rename"))


@case("A folder is moved with everything in it", "move", "upload", "walk")
def move_folder(space: Workspace) -> Observation:
    space.client.upload(space.at("in/below/a.txt"), content=b"a", create_folders=True)
    item = space.client.move(space.at("in"), space.at("out"))
    return {**of_item(item), "walk": names_of(space.client.walk(space.folder.to_dict()))}


@case("A file is renamed into the same name in capitals", "move", "upload")
def move_letter_case(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    return of_item(space.client.move(space.at("a.txt"), space.at("A.TXT")))


@case("A file is copied", "copy", "upload", "read_bytes")
def copy_file(space: Workspace) -> Observation:
    source = space.client.upload(space.at("a.txt"), content=b"a")
    item = space.client.copy(space.at("a.txt"), space.at("b.txt"), options=_PATIENT)
    content = space.client.read_bytes(space.at("b.txt")) == b"a"
    return {**of_item(item), "same id": item.id == source.id, "is read as copied": content}


@case("A copy to a taken name fails, is skipped, or replaces", "copy", "upload", "read_bytes")
def copy_taken(space: Workspace) -> Observation:
    for name in ("a.txt", "b.txt"):
        space.client.upload(space.at(name), content=name.encode())

    def copied(if_exists: Any) -> Any:
        return space.client.copy(space.at("a.txt"), space.at("b.txt"), if_exists=if_exists, options=_PATIENT)

    taken, skipped = error_of(lambda: copied("fail")), copied("skip").outcome
    replaced = copied("replace").outcome
    content = space.client.read_bytes(space.at("b.txt")) == b"a.txt"
    return {"taken": taken, "skip": skipped, "replace": replaced, "is the copy": content}


@case("A copy beside its source gets a number", "copy", "upload")
def copy_rename(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    folder = f"{space.folder.location}/"
    return of_item(space.client.copy(space.at("a.txt"), folder, if_exists="rename", options=_PATIENT))


@case("A folder is copied with everything in it", "copy", "upload", "walk")
def copy_folder(space: Workspace) -> Observation:
    space.client.upload(space.at("in/below/a.txt"), content=b"a", create_folders=True)
    item = space.client.copy(space.at("in"), space.at("out"), options=_PATIENT)
    # The service may end the copy of a folder before all of it can be listed.
    folder = space.folder.to_dict()
    names = space.eventually(lambda: names_of(space.client.walk(folder)), lambda names: names.count("a.txt") > 1)
    return {**of_item(item), "walk": names}


@case("A copy is started, followed, and read at its end", "start_copy", "copy_progress", "copied", "upload")
def copy_in_steps(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    copy = space.client.start_copy(space.at("a.txt"), space.at("b.txt"))
    progress = space.eventually(
        lambda: space.client.copy_progress(copy.monitor_url), lambda progress: progress.is_ended
    )
    item = space.client.copied(space.at("b.txt"), copy.to_dict(), progress.item_id)
    return {**of_item(item), "is ended": progress.is_ended, "same id": item.id == progress.item_id}
