"""What large files cost: ``python benchmarks/transfers.py``, or ``make bench-transfers``.

A file goes up and comes down through ``graph.Client``, in a process of its own, with hashes compared, over TLS, against
the emulator in another process. Then the sizes that one may choose are compared: of a single PUT, and of fragments.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from report import Report
from served import served

MIB, GIB = 1024**2, 1024**3
LATENCY_SECONDS = 0.05
PUT_MIB = (1, 4, 10, 50)
FRAGMENT_MIB = (5, 10, 20, 50)


def main() -> None:
    options = _options()
    if options.work:
        print(json.dumps(_work(json.loads(options.work), sys.stdin.readline())))
        return
    report = Report(options.runs)
    report.say_machine()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _measure_memory(report, Path(folder), options.gib)
        if not options.memory_only:
            _measure_sizes(report, Path(folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure transfers of large files.")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement but the largest")
    parser.add_argument("--gib", type=float, default=5.0, help="size of the largest file")
    parser.add_argument("--memory-only", action="store_true", help="leave out the comparison of sizes")
    parser.add_argument("--folder", help="where the files lie; three times the largest file has to fit")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure_memory(report: Report, folder: Path, gib: float) -> None:
    """Send and fetch a small file and the largest one: what the second takes more than the first must not grow."""
    for size in (64 * MIB, round(gib * GIB)):
        path, back = _file(folder, size), folder / "back.bin"
        with served() as connection:
            up = _in_process(connection, do="upload", path=str(path))
            down = _in_process(connection, do="download", path=str(back))
        for way, cost in (("up", up), ("down", down)):
            report.say(
                f"{size / GIB:.4g} GiB {way}",
                f"{size / MIB / cost['seconds']:.0f} MiB/s, {cost['cpu_seconds']:.1f} CPU s, memory "
                f"{cost['idle_bytes'] / MIB:.0f} MiB before, {cost['peak_bytes'] / MIB:.0f} MiB at most",
            )
        path.unlink()
        back.unlink()


def _measure_sizes(report: Report, folder: Path) -> None:
    with served(LATENCY_SECONDS) as connection:
        for size in PUT_MIB:
            path = _file(folder, size * MIB)
            for way, threshold in (("one PUT", 250_000_000), ("a session", 0)):
                rate = report.measure(
                    f"{size} MiB by {way}, {LATENCY_SECONDS * 1000:.0f} ms a request",
                    "MiB/s",
                    lambda p=path, t=threshold, s=size: s / _in_process(connection, path=str(p), put=t)["seconds"],
                )
                del rate
        path = _file(folder, 200 * MIB)
        for size in (*FRAGMENT_MIB, None):
            name = "growing" if size is None else f"{size} MiB"
            fragment = None if size is None else size * MIB // 327_680 * 327_680
            report.measure(
                f"200 MiB in fragments: {name}, {LATENCY_SECONDS * 1000:.0f} ms",
                "MiB/s",
                lambda p=path, f=fragment: 200 / _in_process(connection, path=str(p), fragment=f)["seconds"],
            )


def _file(folder: Path, size: int) -> Path:
    path, block = folder / f"{size}.bin", os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    return path


def _in_process(connection: str, **work: Any) -> dict[str, float]:
    command = [sys.executable, __file__, "--work", json.dumps(work)]
    done = subprocess.run(command, input=connection, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


def _work(work: dict[str, Any], connection: str) -> dict[str, float]:
    """Be the client that is measured; signing in and loading what is needed come before."""
    # The other processes need none of it.
    from airflow_provider_onedrive.graph import Client, Settings, UploadOptions  # noqa: PLC0415

    logging.disable()
    known = json.loads(connection)
    fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}
    options = UploadOptions(single_put_bytes=work.get("put", 4 * MIB), fragment_bytes=work.get("fragment"))
    with Client(Settings.from_fields(fields, trusted_hosts=["localhost"])) as client:
        client.save("myfiles/warm.bin", content=b"x" * MIB, options=options)
        process = psutil.Process()
        idle, began, used = process.memory_info().rss, time.perf_counter(), sum(process.cpu_times()[:2])
        if work.get("do") == "download":
            client.download("myfiles/large.bin", work["path"])
        else:
            client.save("myfiles/large.bin", local_path=work["path"], options=options)
        seconds, cpu_seconds = time.perf_counter() - began, sum(process.cpu_times()[:2]) - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "idle_bytes": idle, "peak_bytes": peak}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
