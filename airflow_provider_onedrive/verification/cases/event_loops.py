"""Cases of the client for event loops."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from airflow_provider_onedrive.graph.client import AsyncClient
from airflow_provider_onedrive.graph.flows.copies import CopyProgress
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.cases.results import names_of, of_item
from airflow_provider_onedrive.verification.facts import raised
from airflow_provider_onedrive.verification.workspace import Workspace


@case(
    "On an event loop items are read, and a missing one is not there",
    "AsyncClient.stat",
    "AsyncClient.exists",
    "AsyncClient.request",
    "AsyncClient.aclose",
    "upload",
)
def event_loop_reads(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    file, missing, url = space.at("a.txt"), space.at("b.txt"), space.url()

    async def act(client: AsyncClient) -> dict[str, Any]:
        item = await client.stat(file)
        answer = await client.request("GET", url, params={"$select": "id"})
        try:
            error = {"name": (await client.stat(missing)).name}
        except OneDriveError as problem:
            error = raised(problem)
        exist = [await client.exists(file), await client.exists(missing)]
        return {**of_item(item), "has id": "id" in (answer or {}), "missing": error, "exist": exist}

    return space.on_event_loop(act)


@case("On an event loop a folder is listed and walked", "AsyncClient.children", "AsyncClient.walk", "upload")
def event_loop_listings(space: Workspace) -> Observation:
    for path in ("a.txt", "in/b.txt"):
        space.client.upload(space.at(path), content=b"a", create_folders=True)
    folder = space.folder.to_dict()

    async def act(client: AsyncClient) -> dict[str, Any]:
        children = [item async for item in client.children(folder)]
        walk = [item async for item in client.walk(folder)]
        return {"children": names_of(children), "walk": names_of(walk)}

    return space.on_event_loop(act)


@case(
    "On an event loop a folder is created, moved and deleted",
    "AsyncClient.create_folder",
    "AsyncClient.move",
    "AsyncClient.delete",
    "exists",
)
def event_loop_changes(space: Workspace) -> Observation:
    source, target = space.at("in"), space.at("out")

    async def act(client: AsyncClient) -> dict[str, Any]:
        created = await client.create_folder(source)
        moved = await client.move(source, target)
        deleted = await client.delete(target)
        return {**of_item(created), "same id": moved.id == created.id, "deleted": names_of(deleted)}

    return {**space.on_event_loop(act), "exist": [space.client.exists(each) for each in (source, target)]}


@case(
    "On an event loop a copy is started and followed to its end",
    "AsyncClient.start_copy",
    "AsyncClient.copy_progress",
    "upload",
    "exists",
)
def event_loop_copy(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    source, target = space.at("a.txt"), space.at("b.txt")
    end, pauses = time.monotonic() + space.patience.seconds, space.patience.pauses()

    async def act(client: AsyncClient) -> CopyProgress:
        copy = await client.start_copy(source, target)
        progress = await client.copy_progress(copy.monitor_url)
        while not progress.is_ended and time.monotonic() < end:
            await asyncio.sleep(next(pauses))
            progress = await client.copy_progress(copy.monitor_url)
        return progress

    progress = space.on_event_loop(act)
    return {"is ended": progress.is_ended, "failed": progress.error is not None, "exists": space.client.exists(target)}
