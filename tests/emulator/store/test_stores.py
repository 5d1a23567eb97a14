"""Memory and a directory behave alike; a directory survives a restart and being killed."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import sqlite3
import ssl
import stat
import subprocess
import sys
import textwrap
import threading

import httpx
import pytest

from airflow_provider_onedrive.emulator import EmulatedDrive, Emulator

UNIT = 320 * 1024
LARGE = bytes(range(256)) * 2000


class Service:
    """An emulator that can be restarted where its store allows it, and a client of it."""

    def __init__(self, root):
        self.root = root
        self.start()

    def start(self):
        self.emulator = Emulator(root=self.root, tls=False).start()
        headers = {"Authorization": f"Bearer {self.emulator.token()}"}
        base = f"{self.emulator.graph_url}/v1.0/users/{self.emulator.users[0]}/drive"
        self.graph = httpx.Client(base_url=base, headers=headers, verify=False, trust_env=False)
        self.plain = httpx.Client(verify=False, trust_env=False)

    def stop(self):
        self.graph.close()
        self.plain.close()
        self.emulator.stop()

    def restart(self):
        """Restart with a directory, and do nothing with memory: the assertions hold in both."""
        if self.root:
            self.stop()
            gc.collect()
            self.start()

    @property
    def drive(self):
        return self.emulator.drive()

    def items(self):
        """Return Graph's JSON of all items, except URLs, by id."""
        hidden = {"@microsoft.graph.downloadUrl", "webUrl"}
        value = self.graph.get("/root/delta?$top=5000").json()["value"]
        shown = ({name: fact for name, fact in item.items() if name not in hidden} for item in value)
        return sorted(shown, key=lambda item: item["id"])

    def session(self, path, **item):
        return self.graph.post(f"/root:/{path}:/createUploadSession", json={"item": item}).json()["uploadUrl"]

    def moved(self, url):
        """The address of a session after a restart, which may have changed the port."""
        return f"{self.emulator.store_url}/" + url.split("/", 3)[3]

    def send(self, url, start, data, total):
        place = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}"}
        return self.plain.put(url, content=data, headers=place)


@pytest.fixture(params=["memory", "directory"])
def service(request, tmp_path):
    service = Service(tmp_path / "store" if request.param == "directory" else None)
    yield service
    service.stop()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def test_items_survive(service):
    """Folders, files, their ids, tags, times, sizes and contents are there again."""
    service.drive.put("Ä/b/small.txt", b"small")
    service.drive.put("Ä/large.bin", LARGE)
    service.drive.put("Ä/empty", b"")
    service.graph.patch("/root:/Ä/b", json={"name": "c", "description": "d"})
    service.graph.patch("/root:/Ä/empty", json={"fileSystemInfo": {"lastModifiedDateTime": "2020-01-02T03:04:05Z"}})
    before, drive_id = service.items(), service.drive.id
    assert service.drive.item()["size"] == len(LARGE) + 5
    service.restart()
    assert service.items() == before
    assert service.drive.id == drive_id
    assert service.drive.item()["size"] == len(LARGE) + 5
    assert service.drive.read("Ä/c/small.txt") == b"small"
    assert service.drive.read("Ä/large.bin") == LARGE
    assert service.drive.read("Ä/empty") == b""


def test_the_tenant_survives(service):
    """Tenant, application and users, with or without a drive, are kept; no user is added twice."""
    service.emulator.add_user("new@contoso.example", provisioned=False)
    emulator = service.emulator

    def facts():
        return (
            emulator.tenant_id,
            emulator.client_id,
            emulator.client_secret,
            emulator.users,
            emulator.drive("ben@contoso.example").id,
        )

    before = facts()
    service.restart()
    emulator = service.emulator
    assert facts() == before
    with pytest.raises(LookupError):
        emulator.drive("new@contoso.example")


def test_changes_after_a_restart(service):
    """A kept drive can be changed, and the change is kept."""
    service.drive.put("f/a.txt", b"1")
    service.restart()
    service.drive.put("f/a.txt", LARGE)
    assert service.graph.patch("/root:/f", json={"name": "g"}).status_code == 200
    service.restart()
    assert service.drive.paths() == ["g/", "g/a.txt"]
    assert (service.drive.read("g/a.txt"), service.drive.version_count("g/a.txt")) == (LARGE, 2)
    assert service.drive.item()["size"] == len(LARGE)
    service.drive.delete("g")
    service.restart()
    assert service.drive.paths() == []
    assert service.drive.recycle_bin == ["g"]
    assert service.drive.item()["size"] == 0


def test_versions_survive(service):
    """Former versions keep their contents, small and large."""
    for content in (b"1", LARGE, b"333"):
        service.drive.put("a.txt", content)
    service.restart()
    versions = service.graph.get("/root:/a.txt:/versions").json()["value"]
    assert [(version["id"], version["size"]) for version in versions] == [("3.0", 3), ("2.0", len(LARGE)), ("1.0", 1)]
    assert service.graph.post("/root:/a.txt:/versions/2.0/restoreVersion").status_code == 204
    assert service.graph.delete("/root:/a.txt:/versions/2.0").status_code == 204
    service.restart()
    assert service.drive.read("a.txt") == LARGE
    assert service.drive.version_count("a.txt") == 3


def test_the_recycle_bin_survives(service):
    """Items in the recycle bin can be restored with their descendants, or removed for good."""
    service.drive.put("f/g/a.txt", LARGE)
    service.drive.put("b.txt", b"1")
    before = service.drive.item("f/g/a.txt")["id"]
    service.drive.delete("f")
    service.drive.delete("b.txt")
    service.restart()
    inner = service.drive._drive
    assert service.drive.recycle_bin == ["f", "b.txt"]
    folder, file = inner.recycled.values()
    inner.purge(file)
    inner.restore(folder, inner.root, "h")
    service.restart()
    assert service.drive.recycle_bin == []
    assert service.drive.paths() == ["h/", "h/g/", "h/g/a.txt"]
    assert (service.drive.read("h/g/a.txt"), service.drive.item("h/g/a.txt")["id"]) == (LARGE, before)
    assert service.drive.item()["size"] == len(LARGE)


def test_delta_survives(service):
    """A delta link continues after a restart, tombstones included; an expired one stays expired."""
    service.drive.put("f/a.txt", b"1")
    gone = [service.drive.item(path)["id"] for path in ("f", "f/a.txt")]
    link = service.graph.get("/root/delta").json()["@odata.deltaLink"].partition("?")[2]
    service.restart()
    service.drive.put("b.txt", b"1")
    service.drive.delete("f")
    service.restart()
    value = service.graph.get(f"/root/delta?{link}").json()["value"]
    assert [item["name"] for item in value if "name" in item] == ["root", "b.txt"]
    assert [item["id"] for item in value if "deleted" in item] == gone
    service.drive.expire_delta_tokens()
    service.restart()
    assert service.graph.get(f"/root/delta?{link}").status_code == 410


def test_sessions_survive(service):
    """An open session resumes behind the last acknowledged fragment."""
    url = service.session("big.bin", fileSystemInfo={"lastModifiedDateTime": "2020-01-02T03:04:05Z"})
    assert service.send(url, 0, b"a" * UNIT, 2 * UNIT).status_code == 202
    service.restart()
    url = service.moved(url)
    assert service.plain.get(url).json()["nextExpectedRanges"] == [f"{UNIT}-{2 * UNIT - 1}"]
    reply = service.send(url, UNIT, b"b" * UNIT, 2 * UNIT)
    assert reply.status_code == 201
    assert reply.json()["fileSystemInfo"]["lastModifiedDateTime"] == "2020-01-02T03:04:05Z"
    service.restart()
    assert service.drive.read("big.bin") == b"a" * UNIT + b"b" * UNIT
    assert service.plain.get(service.moved(url)).status_code == 404


def test_small_sessions_survive(service):
    """A session of few bytes, in parts, and one that has none yet."""
    service.emulator.options.strict = False
    url, empty = service.session("a.bin"), service.session("b.bin", **{"@microsoft.graph.conflictBehavior": "rename"})
    service.send(url, 0, b"12345", 10)
    service.restart()
    service.emulator.options.strict = False
    assert service.send(service.moved(empty), 0, b"1", 1).status_code == 201
    assert service.send(service.moved(url), 5, b"67890", 10).status_code == 201
    service.restart()
    assert service.drive.read("a.bin") == b"1234567890"


def test_a_session_for_what_is_gone(service):
    """A session whose folder was deleted is refused, before a restart and after it."""
    service.drive.put("f/x", b"")
    url = service.session("f/a.bin")
    service.drive.delete("f")
    service.restart()
    assert service.send(service.moved(url), 0, b"1", 1).status_code == 404
    service.restart()
    assert service.drive.paths() == []


def test_a_change_happens_as_a_whole(service):
    """A change that fails leaves nothing: not in the drive, not in its log, not in the store."""
    service.drive.put("f/a.txt", b"1")
    service.drive.put("b.txt", b"22")
    inner = service.drive._drive
    before, position = service.items(), inner.log.position

    def spoil():
        with inner.change() as change:
            service.drive.put("new/c.txt", LARGE)
            service.drive.put("b.txt", LARGE)
            file = inner.resolve(inner.root, ("f", "a.txt"))
            inner.move(file, inner.root, "moved.txt")
            change.edit(file)
            file.description = "d"
            service.drive.delete("f")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert service.items() == before
    assert (inner.log.position, service.drive.recycle_bin, inner.tombstones) == (position, [], {})
    assert [item.name for item in inner.root.page(None, 10)[0]] == ["f", "b.txt"]
    service.restart()
    assert service.items() == before
    assert service.drive.read("f/a.txt") == b"1"


def test_a_drive_that_was_filled_before_it_was_kept(service):
    """A user who was added later is kept with the drive, its recycle bin and versions."""
    user = service.emulator.state.tenant.add_user("late@contoso.example")
    drive = EmulatedDrive(user.drive, service.emulator.state.views)
    for content in (b"1", LARGE):
        drive.put("f/a.bin", content)
    drive.put("gone/b.bin", LARGE)
    drive.delete("gone")
    service.restart()
    drive = service.emulator.drive("late@contoso.example")
    assert (drive.read("f/a.bin"), drive.version_count("f/a.bin"), drive.recycle_bin) == (LARGE, 2, ["gone"])
    inner = drive._drive
    inner.restore(inner.recycled[next(iter(inner.recycled))], inner.root, "back")
    service.restart()
    drive = service.emulator.drive("late@contoso.example")
    assert drive.read("back/b.bin") == LARGE
    assert set(drive._drive.tombstones) == set()


def test_reset(service):
    """A reset empties the store, too."""
    service.drive.put("a.bin", LARGE)
    url = service.session("b.bin")
    tenant = service.emulator.tenant_id
    service.emulator.reset()
    service.stop()
    service.start()
    assert service.drive.paths() == []
    assert service.emulator.tenant_id != tenant
    assert service.plain.get(service.moved(url)).status_code == 404


def test_many_writers(service):
    """Several clients at once do not disturb each other's changes."""

    def write(number):
        for index in range(10):
            service.graph.put(f"/root:/f{number}/{index}.txt:/content", content=b"%d" % index).raise_for_status()
        service.graph.delete(f"/root:/f{number}/0.txt").raise_for_status()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.restart()
    assert len(service.drive.paths()) == 8 * 10
    assert len(service.drive.recycle_bin) == 8


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_private_directory(root):
    """The directory is private, and no file name in it comes from a request."""
    with Emulator(root=root, tls=False) as emulator:
        emulator.drive().put("secret-name.bin", LARGE)
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        for path in root.rglob("*"):
            assert "secret-name" not in path.name
            assert not path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH)


def test_one_at_a_time(root):
    """A directory serves one emulator at a time; a second one is refused."""
    with Emulator(root=root, tls=False), pytest.raises(OSError, match="in use by another emulator"):
        Emulator(root=root, tls=False).start()
    with Emulator(root=root, tls=False):
        pass


def test_another_format(root):
    """A directory in another format is refused and left unchanged."""
    with Emulator(root=root, tls=False) as emulator:
        emulator.state.store._database.execute("UPDATE facts SET value = '999' WHERE name = 'format'")
    with pytest.raises(OSError, match="another release"):
        Emulator(root=root, tls=False).start()


def test_contents_that_nobody_needs_go(root):
    """Deleted contents and broken fragments are removed from the disk."""
    with Emulator(root=root, tls=False) as emulator:
        drive = emulator.drive()
        before = files(root)
        drive.put("a.bin", LARGE)
        assert len(files(root)) == len(before) + 1
        drive._drive.remove(drive._drive.resolve(drive._drive.root, ("a.bin",)), permanent=True)
        gc.collect()
        drive.put("b", b"1")
        assert files(root) == before
    orphan = root / "contents" / "0123"
    orphan.write_bytes(b"x")
    (root / "arriving" / "4567").write_bytes(b"x")
    with Emulator(root=root, tls=False) as emulator:
        assert emulator.drive().read("b") == b"1"
        assert not orphan.exists()
        assert list((root / "arriving").iterdir()) == []


def test_what_cannot_be_written_has_not_happened(root):
    """When the disk refuses a change the drive is as it was, and the same content can be written later."""
    service = Service(root)
    try:
        database = service.emulator.state.store._database
        service.drive.put("a.bin", b"1")
        before = service.items()
        url = service.session("b.bin")
        service.send(url, 0, LARGE[:UNIT], UNIT + 5)
        database.execute("CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(FAIL, 'full'); END")
        for content in (b"small", LARGE):
            with pytest.raises(sqlite3.IntegrityError, match="full"):
                service.drive.put("a.bin", content)
        assert service.items() == before
        assert service.drive.read("a.bin") == b"1"
        assert service.send(url, UNIT, b"12345", UNIT + 5).status_code == 500
        database.execute("DROP TRIGGER full")
        assert service.send(url, UNIT, b"12345", UNIT + 5).status_code == 416
        assert service.plain.get(url).json()["nextExpectedRanges"] == []
        service.drive.put("a.bin", LARGE)
        service.restart()
        assert service.drive.read("a.bin") == LARGE
        assert service.plain.get(service.moved(url)).json()["nextExpectedRanges"] == []
        assert service.plain.post(service.moved(url)).status_code == 201
        assert service.drive.read("b.bin") == LARGE[:UNIT] + b"12345"
    finally:
        service.stop()


CHILD = """
    import sys, threading
    from airflow_provider_onedrive.emulator import EmulatedDrive, Emulator
    emulator = Emulator(root=sys.argv[1], tls=False).start()
    print(emulator.graph_url, emulator.token(), flush=True)
    threading.Event().wait()
"""


@contextlib.contextmanager
def running(root):
    """Run an emulator in another process; yield the process and a client."""
    arguments = [sys.executable, "-c", textwrap.dedent(CHILD), str(root)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        url, token = process.stdout.readline().split()
        base = f"{url}/v1.0/users/anna@contoso.example/drive"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, headers=headers, verify=False, trust_env=False) as client:
            yield process, client
        process.kill()


def work(client, seed, done):
    """Create, replace, upload in parts, move and delete, and record the acknowledged changes."""
    chance = random.Random(seed)
    with contextlib.suppress(httpx.TransportError):
        for number in range(10_000):
            name = f"w{seed}-{chance.randrange(6)}"
            content = bytes([number % 256]) * chance.choice([10, 1000, 2 * UNIT])
            action = chance.choice(["put", "session", "delete", "move"])
            if action == "put":
                client.put(f"/root:/{name}:/content", content=content).raise_for_status()
                done[name] = content
            elif action == "session":
                body = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
                url = client.post(f"/root:/{name}:/createUploadSession", json=body).json()["uploadUrl"]
                upload(url, content)
                done[name] = content
            elif name in done and action == "delete":
                done[name] = None  # the request may have had its effect from here on
                client.delete(f"/root:/{name}").raise_for_status()
                del done[name]
            elif name in done:
                content, done[name] = done[name], None
                client.patch(f"/root:/{name}", json={"name": f"{name}-{number}"}).raise_for_status()
                del done[name]
                done[f"{name}-{number}"] = content


def upload(url, content):
    half = UNIT if len(content) > UNIT else 0
    with httpx.Client(verify=False, trust_env=False) as store:
        for start, part in ((0, content[:half]), (half, content[half:])):
            if part:
                place = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
                store.put(url, content=part, headers=place).raise_for_status()


def check(root, done):
    """Every acknowledged change is there, and every file is complete."""
    with Emulator(root=root, tls=False) as emulator:
        drive = emulator.drive()
        inner = drive._drive
        for path in drive.paths():
            content = drive.read(path)
            assert len(content) == drive.item(path)["size"]
            assert len(set(content)) <= 1
        for name, content in done.items():
            if content is not None and name in drive.paths():
                latest = drive.read(name)
                assert latest == content or name in done.maybe
        missing = {name for name, content in done.items() if content is not None} - set(drive.paths())
        assert missing <= done.maybe
        known = set(inner.log.since(0))
        assert {item.id for item in inner.root.walk()} <= known
        kept = {path.name for path in (root / "contents").iterdir()}
        rows = dict(emulator.state.store._database.execute("SELECT key, data IS NULL FROM contents"))
        assert kept == {key for key, is_file in rows.items() if is_file}
        assert inner.root.size == sum(drive.item(path)["size"] for path in drive.paths())


class Done(dict):
    """The acknowledged changes; ``maybe`` has the names of the last request."""

    maybe: frozenset[str] = frozenset()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 8))])
def test_killed_at_any_time(root, seed):
    """kill -9 in the midst of uploads and deletions: no acknowledged change is lost, nothing is half there."""
    done = Done()
    for life in range(3):
        with running(root) as (process, client):
            timer = threading.Timer(
                random.Random(seed * 10 + life).uniform(0.05, 0.8), process.send_signal, [signal.SIGKILL]
            )
            timer.start()
            work_until_killed(client, f"{seed}{life}", done)
            timer.join()
            assert process.wait() == -signal.SIGKILL
        check(root, done)


def work_until_killed(client, seed, done):
    """The effect of the last request is uncertain."""
    names = []

    class Watched(Done):
        def __setitem__(self, name, content):
            names.append(name)
            super().__setitem__(name, content)

    watched = Watched()
    chosen = []

    class Client:
        def __getattr__(self, method):
            def call(path, *args, **kwargs):
                chosen.append(path.split("/")[2].split(":")[0])
                return getattr(client, method)(path, *args, **kwargs)

            return call

    work(Client(), seed, watched)
    done.update(watched)
    done.maybe = done.maybe | frozenset(chosen[-1:])


def test_killed_while_a_fragment_arrives(root):
    """A session resumes behind the last acknowledged fragment; the one in progress is dropped."""
    with running(root) as (process, client):
        url = client.post("/root:/a.bin:/createUploadSession", json={}).json()["uploadUrl"]
        total = 3 * UNIT
        with httpx.Client(verify=False, trust_env=False) as store:
            store.put(url, content=b"a" * UNIT, headers={"Content-Range": f"bytes 0-{UNIT - 1}/{total}"})

            def broken():
                yield b"x" * 1000
                yield b"x" * (UNIT - 2000)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                yield b"x" * 1000

            place = {"Content-Range": f"bytes {UNIT}-{2 * UNIT - 1}/{total}", "Content-Length": str(UNIT)}
            with contextlib.suppress(httpx.TransportError):
                store.put(url, content=broken(), headers=place)
    service = Service(root)
    try:
        url = service.moved(url)
        assert service.plain.get(url).json()["nextExpectedRanges"] == [f"{UNIT}-{total - 1}"]
        assert service.send(url, UNIT, b"b" * UNIT, total).status_code == 202
        assert service.send(url, 2 * UNIT, b"c" * UNIT, total).status_code == 201
        assert service.drive.read("a.bin") == b"a" * UNIT + b"b" * UNIT + b"c" * UNIT
    finally:
        service.stop()


def test_over_tls(root):
    """A directory serves over TLS as memory does, and its connection works after a restart."""
    for _ in range(2):
        with Emulator(root=root) as emulator:
            connection = json.loads(emulator.connection)
            context = ssl.create_default_context(cadata=emulator.ca_certificate)
            with httpx.Client(verify=context, trust_env=False) as client:
                headers = {"Authorization": f"Bearer {emulator.token()}"}
                address = f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}/root:/a.txt:/content"
                assert client.put(address, content=b"1", headers=headers).status_code in {200, 201}
    assert connection["login"] == emulator.client_id
    with Emulator(root=root) as emulator:
        assert emulator.drive().version_count("a.txt") == 2
