"""How fast the emulator is: ``python benchmarks/emulator.py``, or ``make bench-emulator``.

The emulator is a process of its own, and so is everything that loads it. Each figure is the median of several runs,
with the lowest and the highest beside it. It ends by itself, within five minutes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import raw_http
from raw_http import Load
from report import Report, noise

MIB, GIB = 1024**2, 1024**3
FRAGMENT_BYTES = 50 * MIB
LONGEST_SECONDS = 240
CHILDREN = (5_000, 50_000)
LOADERS = 2
HUGE_BYTES = 5 * GIB


@dataclass
class Server:
    """The emulator that runs in another process.

    :param ca: PEM text; None = plain HTTP.
    """

    process: subprocess.Popen[str]
    graph_url: str
    drive_url: str
    token: str
    ca: str | None

    def request(self, method: str, url: str, body: object = None) -> tuple[int, str, str]:
        """Send one request; return status, body and where it redirects to."""
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = self._connect(parts.netloc)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode(), reply.getheader("Location") or ""
        finally:
            connection.close()

    def _connect(self, netloc: str) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection(netloc, timeout=raw_http.SECONDS)
        context = ssl.create_default_context(cadata=self.ca)
        return http.client.HTTPSConnection(netloc, timeout=raw_http.SECONDS, context=context)

    @property
    def rss_bytes(self) -> int:
        shown = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, check=True)
        return int(shown.stdout) * 1024

    def stop(self) -> int:
        """Stop it, and return the most memory that it ever had."""
        if self.process.stdin:
            self.process.stdin.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    options = _options()
    if options.serve:
        _serve(tls=options.tls)
        return
    report = Report(options.runs, LONGEST_SECONDS)
    report.say_machine()
    for tls in (False, True):
        report.measure(f"start, {_words(tls)}", "s", lambda tls=tls: _start_seconds(tls=tls))
    for tls in (False, True):
        with _server(tls=tls) as server:
            _measure_transfers(report, server, _words(tls), options.gib)
    with _server(tls=False) as server:
        _measure_listing(report, server)
    if report.has_time and not options.skip_huge:
        _measure_huge(report)
    report.measure("noise: the same loop, at the end", "ms", noise)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the emulator.")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")
    parser.add_argument("--gib", type=float, default=1.0, help="how much each transfer moves")
    parser.add_argument("--skip-huge", action="store_true", help="leave out the upload of 5 GiB")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--tls", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _words(tls: bool) -> str:
    return "TLS" if tls else "plain HTTP"


def _serve(*, tls: bool) -> None:
    """Be the emulator: until the input ends, with the folders that are listed."""
    from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - the processes that load it need none

    with Emulator(tls=tls, strict=False) as emulator:
        drive = emulator.drive()
        facts = {
            "graph_url": emulator.graph_url,
            "drive_url": f"{emulator.graph_url}/v1.0/drives/{drive.id}",
            "token": emulator.token(),
            "ca": emulator.ca_certificate if tls else None,
        }
        print(json.dumps(facts), flush=True)
        for line in sys.stdin:
            count = int(line)
            drive.put_all({f"children-{count}/file {number:06}.txt": b"x" for number in range(count)})
            print("done", flush=True)


@contextmanager
def _server(*, tls: bool) -> Iterator[Server]:
    command = [sys.executable, __file__, "--serve", *(["--tls"] if tls else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = Server(process, **json.loads(process.stdout.readline() if process.stdout else ""))
        try:
            yield server
        finally:
            if process.returncode is None:
                server.stop()


def _start_seconds(*, tls: bool) -> float:
    """Measure from the command to its greeting, when it already serves; Python's own start is part of it."""
    command = [sys.executable, "-m", "airflow_provider_onedrive.emulator", *([] if tls else ["--no-tls"])]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout:
            process.stdout.readline()
        seconds = time.perf_counter() - began
        process.terminate()
    return seconds


def _measure_transfers(report: Report, server: Server, words: str, gib: float) -> None:
    fragments = max(1, round(gib * GIB / FRAGMENT_BYTES))
    report.measure(f"small requests, {words}", "requests/s", lambda: _small_requests(server))
    report.measure(f"fragments up, {words}", "GiB/s", lambda: _fragments_per_second(server, fragments))
    url = _uploaded(server, "down.bin", fragments)
    report.measure(f"download, {words}", "GiB/s", lambda: _download_per_second(server, url))


def _small_requests(server: Server, seconds: float = 2) -> float:
    request = raw_http.head("GET", f"{server.drive_url}/root", {"Authorization": f"Bearer {server.token}"})
    done = raw_http.run([Load(server.graph_url, [request], ca=server.ca, seconds=seconds)] * LOADERS)
    return done.requests / (done.ended - done.began)


def _fragments_per_second(server: Server, count: int) -> float:
    """Measure the fragments before the last one: what that one commits, with its hash, is another matter."""
    url = _session(server, "up.bin")
    load = Load(url, _fragment_heads(url, count, count + 1), FRAGMENT_BYTES, server.ca)
    done = raw_http.run([load])
    server.request("DELETE", url)
    return count * FRAGMENT_BYTES / GIB / (done.ended - done.began)


def _uploaded(server: Server, name: str, count: int) -> str:
    """Upload a file, and return where it is downloaded."""
    url = _session(server, name)
    raw_http.run([Load(url, _fragment_heads(url, count, count), FRAGMENT_BYTES, server.ca)])
    return server.request("GET", f"{server.drive_url}/root:/{name}:/content")[2]


def _download_per_second(server: Server, url: str) -> float:
    done = raw_http.run([Load(url, [raw_http.head("GET", url)], ca=server.ca)])
    return done.received_bytes / GIB / (done.ended - done.began)


def _session(server: Server, name: str) -> str:
    status, text, _ = server.request("POST", f"{server.drive_url}/root:/{name}:/createUploadSession", {})
    if status != http.client.OK:
        raise RuntimeError(text)
    url: str = json.loads(text)["uploadUrl"]
    return url


def _fragment_heads(url: str, count: int, of: int) -> list[bytes]:
    total = of * FRAGMENT_BYTES
    starts = range(0, count * FRAGMENT_BYTES, FRAGMENT_BYTES)
    return [
        raw_http.head(
            "PUT",
            url,
            {
                "Content-Range": f"bytes {start}-{start + FRAGMENT_BYTES - 1}/{total}",
                "Content-Length": str(FRAGMENT_BYTES),
            },
        )
        for start in starts
    ]


def _measure_listing(report: Report, server: Server) -> None:
    seconds = []
    for count in CHILDREN:
        if server.process.stdin and server.process.stdout:
            server.process.stdin.write(f"{count}\n")
            server.process.stdin.flush()
            server.process.stdout.readline()
        pages: set[int] = set()
        seconds.append(report.measure(f"list {count:,} children", "s", lambda c=count, p=pages: _list(server, c, p)))
        report.say("", f"{pages.pop():,} requests")
    few, many = CHILDREN
    report.say(f"{many // few} times as many children take", f"{seconds[1] / seconds[0]:.1f} times as long")


def _list(server: Server, count: int, pages: set[int]) -> float:
    """Follow the pages over one connection, as a client does."""
    connection = http.client.HTTPConnection(urlsplit(server.graph_url).netloc, timeout=raw_http.SECONDS)
    headers = {"Authorization": f"Bearer {server.token}"}
    began, url, found, requests = time.perf_counter(), f"{server.drive_url}/root:/children-{count}:/children", 0, 0
    while url:
        connection.request("GET", url.removeprefix(server.graph_url), headers=headers)
        page = json.loads(connection.getresponse().read())
        found, requests, url = found + len(page["value"]), requests + 1, page.get("@odata.nextLink", "")
    seconds = time.perf_counter() - began
    connection.close()
    if found != count:
        raise RuntimeError(f"{found} children instead of {count}")
    pages.add(requests)
    return seconds


def _measure_huge(report: Report) -> None:
    if shutil.disk_usage(tempfile.gettempdir()).free < 2 * HUGE_BYTES:
        report.say("upload of 5 GiB", f"left out: {tempfile.gettempdir()} has too little room")
        return
    with _server(tls=False) as server:
        count, before = HUGE_BYTES // FRAGMENT_BYTES, server.rss_bytes
        url = _session(server, "huge.bin")
        began = time.perf_counter()
        heads = _fragment_heads(url, count, count)
        raw_http.run([Load(url, heads[:-1], FRAGMENT_BYTES)])
        fragments = time.perf_counter() - began
        raw_http.run([Load(url, heads[-1:], FRAGMENT_BYTES)])
        both = time.perf_counter() - began
        peak = server.stop()
    report.say("upload of 5 GiB", f"{fragments:.1f} s, and {both - fragments:.1f} s for the commit with its hash")
    report.say("memory", f"{before / MIB:.0f} MiB before it, {peak / MIB:.0f} MiB at most")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
