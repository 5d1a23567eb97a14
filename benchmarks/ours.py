"""What our own program does when it is measured: it reads its work as JSON and prints what it cost.

Signing in, loading modules and the first request come before the clock starts: in Airflow they happen once for a task.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph import Client

_UNIT_OF_RSS = 1 if sys.platform == "darwin" else 1024
FOLDER = "myfiles/many"


def _upload(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    from airflow_provider_onedrive.graph import UploadOptions  # noqa: PLC0415 - the other jobs do not need it

    options = UploadOptions(single_put_bytes=work["put_bytes"]) if "put_bytes" in work else UploadOptions()
    return lambda: client.save("myfiles/large.bin", local_path=work["path"], options=options)


def _download(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    return lambda: client.download("myfiles/large.bin", work["path"])


def _many_up(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    from airflow_provider_onedrive.graph import TransferOptions  # noqa: PLC0415 - the other jobs do not need it

    client.create_folder(FOLDER, exist_ok=True)
    options = TransferOptions(max_concurrent=work["at_once"])
    return lambda: _whole(client.upload_folder(FOLDER, local_path=work["path"], options=options), work["count"])


def _many_down(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    from airflow_provider_onedrive.graph import TransferOptions  # noqa: PLC0415 - the other jobs do not need it

    options = TransferOptions(max_concurrent=work["at_once"])
    return lambda: _whole(client.download_folder("myfiles/many0000", work["path"], options=options), work["count"])


def _whole(report: Any, count: int) -> None:
    if len(report.done) != count:
        raise RuntimeError(f"{len(report.done)} of {count} files: {report.failed[:2]}")


def _list(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    return lambda: _counted(client.children("myfiles/many0000"), work["count"])


def _walk(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    return lambda: _counted(client.walk("myfiles/"), work["count"])


def _delete(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    def action() -> None:
        found = list(client.children("myfiles/many0000"))
        _counted(found, work["count"])
        if failed := client.delete_all(found):
            raise RuntimeError(failed[:2])

    return action


def _save(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    return lambda: [client.save(f"myfiles/many0000/new {number}.bin", content=b"x") for number in range(work["count"])]


def _fetch(client: Client, work: dict[str, Any]) -> Callable[[], object]:
    return lambda: client.download("myfiles/many0000/file 000000.bin", work["path"])


def _counted(items: Any, count: int) -> None:
    found = sum(1 for _ in items)
    if found != count:
        raise RuntimeError(f"{found} items instead of {count}")


_WORKS = {
    "upload": _upload,
    "download": _download,
    "many_up": _many_up,
    "many_down": _many_down,
    "list": _list,
    "walk": _walk,
    "delete": _delete,
    "save": _save,
    "fetch": _fetch,
}


def hashing(mebibytes: int, *, by: str) -> dict[str, float]:
    """Hash so much in pieces as uploads have them, with numpy or with integers."""
    from airflow_provider_onedrive.graph.content import quickxor  # noqa: PLC0415 - the path is set first
    from airflow_provider_onedrive.graph.content.sources import PIECE_BYTES  # noqa: PLC0415 - as above

    pieces = [os.urandom(PIECE_BYTES) for _ in range(16)]
    hash_ = quickxor.QuickXorHash(xor=getattr(quickxor, f"xor_with_{by}"))
    hash_.update(pieces[0])
    began, used = time.perf_counter(), time.process_time()
    for number in range(mebibytes * 1024 * 1024 // PIECE_BYTES):
        hash_.update(pieces[number % len(pieces)])
    hash_.digest()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_bytes": 0}


def cost(client: Client, work: dict[str, Any]) -> dict[str, float]:
    """Do it, and take what it cost beyond the idle process."""
    if not work.get("is_cold"):
        client.exists("myfiles/nothing")
    action = _WORKS[work["do"]](client, work)
    process = psutil.Process()
    idle, used, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.perf_counter()
    action()
    seconds, cpu_seconds = time.perf_counter() - began, sum(process.cpu_times()[:2]) - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_OF_RSS
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_bytes": max(peak - idle, 0)}


def connect(facts: dict[str, Any]) -> Client:
    from airflow_provider_onedrive.graph import Client, Settings  # noqa: PLC0415 - the path is set first

    known = json.loads(facts["environment"]["AIRFLOW_CONN_ONEDRIVE_DEFAULT"])
    fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}
    return Client(Settings.from_fields(fields, trusted_hosts=["localhost"]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    logging.disable()
    given = json.loads(sys.stdin.read())
    if given["do"] == "hash":
        print(json.dumps(hashing(given["mebibytes"], by=given["by"])))
    else:
        with connect(given["facts"]) as connected:
            print(json.dumps(cost(connected, given)))
