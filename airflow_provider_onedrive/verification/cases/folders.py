"""Cases of whole folders: transfers, manifests, and what a sensor sees of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.protocol.options import TransferOptions
from airflow_provider_onedrive.graph.tracking.conditions import FileCondition
from airflow_provider_onedrive.graph.tracking.sync import Synced
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.cases.results import names_of
from airflow_provider_onedrive.verification.workspace import Workspace


def _tree(folder: Path) -> Path:
    (folder / "in").mkdir(parents=True)
    for path in ("a.txt", "b.txt", "in/c.txt"):
        (folder / path).write_text(path)
    return folder


@case(
    "A folder is uploaded; the second time nothing is sent; a mirror deletes the file that has gone",
    "upload_folder",
    "walk",
)
def upload_folder(space: Workspace) -> Observation:
    source, target = _tree(space.local / "source"), space.folder.location

    def sent(**options: Any) -> Report:
        return space.client.upload_folder(target, local_path=str(source), recursive=True, **options)

    reports = [sent(), sent(if_exists="skip_if_same")]
    (source / "b.txt").unlink()
    reports.append(sent(if_exists="skip_if_same", options=TransferOptions(delete_extra=True)))
    counts = [report.to_dict()["counts"] for report in reports]
    return {
        "first": counts[0],
        "second": counts[1],
        "mirror": counts[2],
        "walk": names_of(space.client.walk(space.folder.to_dict())),
    }


@case("The files of a folder that match a pattern are downloaded with their folders", "download_folder", "upload")
def download_folder(space: Workspace) -> Observation:
    for path in ("a.txt", "in/c.txt", "in/below/a.docx"):
        space.client.upload(space.at(path), content=path, create_folders=True)
    target = space.local / "target"
    space.client.download_folder(space.folder.location, str(target), filters=Filters("**/*.txt"), recursive=True)
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    return {"files": files, "are read as sent": all((target / path).read_text() == path for path in files)}


@case(
    "A manifest is made of a folder, and the next run brings what changed: new, renamed, deleted",
    "sync_folder",
    "upload",
    "move",
    "delete",
    is_beyond=True,
)
def sync_folder(space: Workspace) -> Observation:
    for path in ("a.txt", "b.txt", "in/c.txt"):
        space.client.upload(space.at(path), content=b"a", create_folders=True)
    manifest = space.local / "manifest.jsonl"
    first = space.client.sync_folder(space.folder.location, manifest)
    space.client.upload(space.at("new"), content=b"new")
    space.client.move(space.at("a.txt"), space.at("other.txt"))
    space.client.delete(space.at("in"), recursive=True)
    seen: set[str] = set()

    def next_run() -> Synced:
        # The service may tell the changes one after the other, some seconds later.
        synced = space.client.sync_folder(space.folder.location, manifest)
        seen.update(f"{kind} {item.name}" for kind, item in synced.changes.items())
        return synced

    last = space.eventually(next_run, lambda synced: synced.items == 3 and len(seen) >= 4)  # noqa: PLR2004 - see above
    return {"first": first.items, "last": last.items, "changes": sorted(seen), "full": bool(last.full_because)}


@case("A sensor sees a file, a pattern and a folder that is not there, from a worker and from the triggerer", "upload")
def sensor_poll(space: Workspace) -> Observation:
    space.client.upload(space.at("in/a.txt"), content=b"a", create_folders=True)
    polls = {
        "file": FileCondition(space.at("in/a.txt"), Selection()),
        "pattern": FileCondition(space.at("**/*.txt"), Selection()),
        "missing file": FileCondition(space.at("b.txt"), Selection()),
        "missing folder": FileCondition(space.at("out/"), Selection()),
    }
    return {name: _polled(space, condition) for name, condition in polls.items()}


def _polled(space: Workspace, condition: FileCondition) -> dict[str, Any]:
    worker = space.client.run(condition.poll(space.client))
    triggerer = space.on_event_loop(lambda client: client.run(condition.poll(client)))
    return {"worker": names_of(worker.items), "triggerer": names_of(triggerer.items)}
