"""The downloads of the fault tests."""

from __future__ import annotations

from typing import Any

from fault_scene import BUSY, FILE, LARGE, OLD, SMALL, Act, Operation, Scene

from airflow_provider_onedrive.emulator.faults import cut_response
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows import downloads
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, LocalFileError, PreconditionFailed
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download, LocalTarget

CHUNK_BYTES = 100_000
_LARGE_THERE = {"before": {"in/a.csv": LARGE}}
_FETCHED = {"local_after": {"a.csv": LARGE}}


def download(if_exists: str = "replace", *, etag: str | None = None) -> Act:
    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        expected, attempt = scene.etag if etag == "now" else etag, TaskAttempt(retrying=retrying)
        return client.download(FILE, scene.target, if_exists=if_exists, expected_etag=expected, attempt=attempt)

    return act


def fetch(*, at_once: bool) -> Act:
    """Fetch in chunks, as a file is that is larger than a test's; ``at_once`` several at the same time."""

    def act(scene: Scene, client: Client, retrying: bool) -> Any:
        target = LocalTarget(scene.target, CHUNK_BYTES, CHUNK_BYTES if at_once else 10 * len(LARGE))
        address, plan = client.address(FILE), Download(attempt=TaskAttempt(retrying=retrying))
        with client._explaining("download", address):
            link = client.run(downloads.resolve(address))
            return localcopy.download(client, address, target, link, plan)

    return act


def half_a_download(scene: Scene) -> None:
    """An earlier try ended in the middle, and left a part file."""
    scene.break_off(
        lambda client: fetch(at_once=False)(scene, client, False),
        {"operation": "download", "do": cut_response(CHUNK_BYTES + 5)},
        {"operation": "download", "times": None, "do": BUSY},
    )


def read(scene: Scene, client: Client, retrying: bool) -> Any:
    del scene, retrying
    with client.open(FILE) as file:
        return file.read()


DOWNLOADS = [
    Operation("download_small", download(), "get download", before={"in/a.csv": SMALL}, local_after={"a.csv": SMALL}),
    Operation("download_empty", download(), "get", before={"in/a.csv": b""}, local_after={"a.csv": b""}),
    Operation("download_large", download(), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_replace", download(), "get download", **_LARGE_THERE, local={"a.csv": OLD}, **_FETCHED),
    Operation("download_fail_free", download("fail"), "get download", **_LARGE_THERE, **_FETCHED),
    Operation(
        "download_fail_taken", download("fail"), "get", **_LARGE_THERE, local={"a.csv": OLD}, raises=LocalFileError
    ),
    Operation(
        "download_rename",
        download("rename"),
        "get download",
        **_LARGE_THERE,
        local={"a.csv": OLD},
        local_after={"a.csv": OLD, "a 1.csv": LARGE},
    ),
    Operation("download_skip", download("skip"), "get", **_LARGE_THERE, local={"a.csv": OLD}),
    Operation(
        "download_skip_if_same",
        download("skip_if_same"),
        "get download",
        **_LARGE_THERE,
        local={"a.csv": OLD},
        **_FETCHED,
    ),
    Operation("download_skip_if_same_same", download("skip_if_same"), "get", **_LARGE_THERE, local={"a.csv": LARGE}),
    Operation("download_etag", download(etag="now"), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_stale", download(etag='"{0},9"'), "get", **_LARGE_THERE, raises=PreconditionFailed),
    Operation("download_missing", download(), "get get get get get children get children", raises=ItemNotFound),
    Operation("download_chunks", fetch(at_once=False), "get download", **_LARGE_THERE, **_FETCHED),
    Operation("download_at_once", fetch(at_once=True), "get download download download", **_LARGE_THERE, **_FETCHED),
    Operation(
        "download_resumed", fetch(at_once=False), "get download", **_LARGE_THERE, **_FETCHED, earlier=half_a_download
    ),
    Operation("open", read, "get download", **_LARGE_THERE, result=LARGE),
]
