"""Rows about one large file: up, down, and how the cost grows with its size."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import raw_http
from bench import OURS, Bench, afresh, into_new
from costs import GIB, MIB, Cost, times
from programs import PART_BYTES, split
from raw_http import Load
from tables import Table
from tenant import PLAIN, TLS

_WAYS = (TLS, PLAIN)
_PART_OF_RIVALS = 4


def up(bench: Bench) -> Table:
    size = bench.size(GIB, 64 * MIB)
    path = bench.file(size)
    parts = split(path, bench.new_folder())
    table = _table(f"{_words(size)} up", size, ("rclone, TLS", "curl in parts, TLS"))
    ways = {OURS: lambda: bench.ours("upload", path=str(path))}
    for scheme in _WAYS:
        ways[f"rclone, {scheme}"] = lambda s=scheme: bench.rclone(s, "copyto", path, "od:large.bin")
    part = bench.file(size // _PART_OF_RIVALS)
    for name in bench.rivals():
        ways[f"{name}, TLS"] = lambda n=name: times(bench.rival(n, "upload", path=str(part)), _PART_OF_RIVALS)
    for scheme in _WAYS:
        ways[f"curl in parts, {scheme}"] = lambda s=scheme: bench.curl(s).put_parts(parts, _session(bench, s), size)
    for scheme in _WAYS:
        ways[f"raw sockets, {scheme}"] = lambda s=scheme: _raw_up(bench, s, size)
    table.race({name: afresh(bench, way) for name, way in ways.items()}, bench.runs)
    return table


def one_put(bench: Bench) -> Table:
    """Compare with curl where one request is enough: neither has a session then."""
    size = bench.size(238, 32) * MIB
    path = bench.file(size)
    table = _table(f"{_words(size)} up in one PUT", size, ("curl, TLS",))
    ways = {
        OURS: lambda: bench.ours("upload", path=str(path), put_bytes=size),
        "curl, TLS": lambda: bench.curl(TLS).put(path),
        "curl, plain HTTP": lambda: bench.curl(PLAIN).put(path),
    }
    table.race({name: afresh(bench, way) for name, way in ways.items()}, bench.runs)
    return table


def down(bench: Bench) -> Table:
    size = bench.size(GIB, 64 * MIB)
    bench.tenant.begin()
    for scheme in _WAYS:
        _raw_up(bench, scheme, size)
    table = _table(f"{_words(size)} down", size, ("rclone, TLS", "rclone, plain HTTP", "curl, TLS"))
    ways = {OURS: lambda to: bench.ours("download", path=str(to / "back.bin"))}
    _raw_up(bench, TLS, size // _PART_OF_RIVALS, "part.bin")
    for scheme in _WAYS:
        ways[f"rclone, {scheme}"] = lambda to, s=scheme: bench.rclone(s, "copyto", "od:large.bin", to / "back.bin")
    for name in bench.rivals():
        ways[f"{name}, TLS"] = lambda to, n=name: times(
            bench.rival(n, "download", path=str(to / "back.bin"), name="part.bin"), _PART_OF_RIVALS
        )
    for scheme in _WAYS:
        ways[f"curl, {scheme}"] = lambda to, s=scheme: bench.curl(s).get(_link(bench, s), to / "back.bin")
    for scheme in _WAYS:
        ways[f"raw sockets, {scheme}"] = lambda _, s=scheme: _raw_down(bench, s)
    table.race({name: into_new(bench, way) for name, way in ways.items()}, bench.runs)
    return table


def sizes(bench: Bench) -> dict[str, Table]:
    """Measure sizes by name: how speed and memory grow with them."""
    found = {}
    for mebibytes in (1, 10, 100, 400) if not bench.is_small else (1, 20):
        path = bench.file(mebibytes * MIB)
        table = _table(f"{mebibytes:,} MiB", mebibytes * MIB, ("rclone, TLS",))
        ways = {
            f"{OURS}, up": lambda p=path: bench.ours("upload", path=str(p)),
            "rclone, TLS, up": lambda p=path: bench.rclone(TLS, "copyto", p, "od:large.bin"),
        }
        table.race({name: afresh(bench, way) for name, way in ways.items()}, bench.runs)
        ways = {
            f"{OURS}, down": lambda to: bench.ours("download", path=str(to / "back.bin")),
            "rclone, TLS, down": lambda to: bench.rclone(TLS, "copyto", "od:large.bin", to / "back.bin"),
        }
        table.race({name: into_new(bench, way) for name, way in ways.items()}, bench.runs)
        path.unlink()
        found[str(mebibytes)] = table
    return found


def huge(bench: Bench, path: Path, size: int) -> Table:
    """Send and fetch a very large file once: its speed is the disk's, its memory is ours."""
    table = _table(f"{_words(size)}, once", size, ())
    bench.tenant.begin()
    table.race({f"{OURS}, up": lambda: bench.ours("upload", path=str(path))}, 1)
    to = path.with_name("back.bin")
    table.race({f"{OURS}, down": lambda: bench.ours("download", path=str(to))}, 1)
    to.unlink()
    return table


def _table(title: str, size: int, beside: tuple[str, ...]) -> Table:
    return Table(title, "MiB/s", size / MIB, beside=beside)


def _words(size: int) -> str:
    return f"{size / GIB:.3g} GiB" if size >= GIB else f"{size // MIB} MiB"


def _ask(facts: dict[str, Any], method: str, target: str) -> tuple[str, str]:
    """Send one request; return the body, and where it redirects to."""
    address = urlsplit(facts["graph_url"])
    connection = (
        http.client.HTTPSConnection(address.netloc, context=ssl.create_default_context(cadata=facts["ca"]))
        if facts["ca"]
        else http.client.HTTPConnection(address.netloc)
    )
    headers = {"Authorization": f"Bearer {facts['token']}", "Content-Type": "application/json"}
    connection.request(method, f"/v1.0/drives/{facts['drive_id']}/root:/{target}", "{}", headers)
    reply = connection.getresponse()
    found = reply.read().decode(), reply.getheader("Location") or ""
    connection.close()
    return found


def _session(bench: Bench, scheme: str, name: str = "large.bin") -> str:
    url: str = json.loads(_ask(bench.tenant.facts[scheme], "POST", f"{name}:/createUploadSession")[0])["uploadUrl"]
    return url


def _link(bench: Bench, scheme: str) -> str:
    return _ask(bench.tenant.facts[scheme], "GET", "large.bin:/content")[1]


def _raw_up(bench: Bench, scheme: str, size: int, name: str = "large.bin") -> Cost:
    url, ca = _session(bench, scheme, name), bench.tenant.facts[scheme]["ca"]
    heads, last = [], size % PART_BYTES
    for start in range(0, size, PART_BYTES):
        end = min(start + PART_BYTES, size)
        fields = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
        heads.append(raw_http.head("PUT", url, fields))
    whole = Load(url, heads[:-1] if last else heads, PART_BYTES, ca)
    began = [
        raw_http.run([load]) for load in (whole, Load(url, heads[-1:], last, ca)) if load.heads and load.body_bytes
    ]
    return Cost(sum(done.ended - done.began for done in began), 0, 0)


def _raw_down(bench: Bench, scheme: str) -> Cost:
    url = _link(bench, scheme)
    done = raw_http.run([Load(url, [raw_http.head("GET", url)], ca=bench.tenant.facts[scheme]["ca"])])
    return Cost(done.ended - done.began, 0, 0)
