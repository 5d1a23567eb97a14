"""rclone as it is delivered: what it does to a drive, and what it finds there.

https://rclone.org/onedrive/
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime

import pytest

AWKWARD = "100% #1 (ä)+.csv"
CHUNKS = ("--onedrive-chunk-size", "10M")


@pytest.fixture
def tree(tmp_path):
    """A folder with names and sizes that are easily got wrong."""
    folder = tmp_path / "tree"
    contents = {
        "a.txt": b"hello",
        "empty.bin": b"",
        AWKWARD: b"x,y\n",
        "it's/100%25 & more/b.bin": os.urandom(1000),
        "deep/er/still/ß漢字 [1] {2}.txt": b"deep",
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def files(folder):
    """Return the files below a local folder by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def files_of(drive, folder):
    """Return the files below a folder of the drive by their paths."""
    found = [path for path in drive.paths() if path.startswith(folder + "/") and not path.endswith("/")]
    return {path.removeprefix(folder + "/"): drive.read(path) for path in found}


def written(emulator):
    """Return the requests that changed something."""
    return [entry for entry in emulator.requests if entry.origin != "login" and entry.method not in {"GET", "HEAD"}]


def test_copy_up_and_down(rclone, drive, tree, tmp_path):
    """What is copied up is there byte for byte, and comes down as it was."""
    rclone("copy", tree, "od:Finance")
    assert files_of(drive, "Finance") == files(tree)
    rclone("copy", "od:Finance", tmp_path / "back")
    assert files(tmp_path / "back") == files(tree)


def test_check(rclone, drive, tree):
    """Sizes and hashes agree with those that rclone computes, and a change of the same size is found."""
    rclone("copy", tree, "od:Finance")
    rclone("check", tree, "od:Finance")
    drive.put("Finance/a.txt", b"jello")
    rclone("check", tree, "od:Finance", expected=1)


def test_a_second_copy_writes_nothing(rclone, emulator, tree):
    """Times and hashes are told as they were given, so there is nothing to do."""
    rclone("copy", tree, "od:Finance")
    emulator.requests.clear()
    rclone("copy", "--checksum", tree, "od:Finance")
    rclone("copy", tree, "od:Finance")
    assert written(emulator) == []


def test_sync_removes(rclone, drive, tree):
    """A sync makes the drive equal to the folder: what is not there goes into the recycle bin."""
    drive.put("Finance/old/report.txt", b"old")
    rclone("sync", tree, "od:Finance")
    assert files_of(drive, "Finance") == files(tree)
    assert "Finance/old/report.txt" in drive.recycle_bin


def test_list(rclone, emulator, drive, tree):
    """A listing page by page tells names, sizes, hashes and ids as the drive has them."""
    rclone("copy", tree, "od:Finance")
    emulator.requests.clear()
    listed = rclone.json("lsjson", "-R", "--hash", "--onedrive-list-chunk", "1", "od:")
    assert sorted(entry["Path"] + "/" * entry["IsDir"] for entry in listed) == drive.paths()
    for entry in listed:
        item = drive.item(entry["Path"])
        assert entry["ID"] == f"{drive.id}#{item['id']}"
        if not entry["IsDir"]:
            assert entry["Size"] == item["size"]
        if entry.get("Hashes"):
            assert bytes.fromhex(entry["Hashes"]["quickxor"]) == base64.b64decode(
                item["file"]["hashes"]["quickXorHash"]
            )
    assert sum("skiptoken" in entry.target for entry in emulator.requests) > 2


def test_list_by_delta(rclone, emulator, drive, tree):
    """The fast listing is one round of delta, over several pages."""
    rclone("copy", tree, "od:Finance")
    drive.put("gone/later.txt", b"")
    drive.delete("gone")
    emulator.requests.clear()
    listed = rclone("lsf", "-R", "--fast-list", "--onedrive-delta", "--onedrive-list-chunk", "3", "od:")
    assert sorted(listed.splitlines()) == drive.paths()
    assert len(emulator.requests.matching(operation="delta")) > 2
    assert emulator.requests.matching(operation="children") == []


def test_a_folder_that_is_not_there(rclone):
    """rclone tells a missing folder (3) from other trouble by the error's code."""
    rclone("lsf", "od:nowhere", expected=3)


def test_move(rclone, drive):
    """A file and a folder are moved and renamed on the server: they keep their ids."""
    drive.put("A/report.txt", b"1")
    drive.put("A/sub/other.txt", b"2")
    file_id, folder_id = drive.item("A/report.txt")["id"], drive.item("A/sub")["id"]
    rclone("moveto", "od:A/report.txt", f"od:B/{AWKWARD}")
    rclone("moveto", "od:A/sub", "od:B/below")
    assert drive.paths() == ["A/", "B/", f"B/{AWKWARD}", "B/below/", "B/below/other.txt"]
    assert (drive.item(f"B/{AWKWARD}")["id"], drive.item("B/below")["id"]) == (file_id, folder_id)


def test_change_of_case(rclone, drive):
    """Names are the same whatever their case, and yet a rename can change it."""
    drive.put("A/report.txt", b"1")
    rclone("moveto", "od:A/report.txt", "od:A/REPORT.txt")
    assert drive.paths() == ["A/", "A/REPORT.txt"]


def test_copy_on_the_server(rclone, emulator, drive):
    """A copy within the drive moves no bytes, has another id, and replaces what is there."""
    drive.put("A/report.txt", b"new")
    drive.put(f"B/{AWKWARD}", b"older")
    rclone("copyto", "od:A/report.txt", f"od:B/{AWKWARD}")
    assert drive.read(f"B/{AWKWARD}") == b"new"
    assert drive.read("A/report.txt") == b"new"
    assert drive.item(f"B/{AWKWARD}")["id"] != drive.item("A/report.txt")["id"]
    assert len(emulator.requests.matching(operation="copy")) == 1
    assert emulator.requests.matching(operation="download") == []
    assert {entry.origin for entry in emulator.requests.matching(operation="monitor")} == {"store"}


def test_copy_a_tree_on_the_server(rclone, emulator, drive, tree):
    """Many copies at once end as they should."""
    rclone("copy", tree, "od:A")
    rclone("copy", "od:A", "od:B")
    assert files_of(drive, "B") == files(tree)
    rclone("check", "od:A", "od:B")


def test_delete_and_purge(rclone, drive):
    """Files are deleted one by one, a folder at once; both lie in the recycle bin, or not with a hard delete."""
    for path in ("A/1.txt", "A/2.txt", "B/sub/3.txt", "C/4.txt"):
        drive.put(path, b"x")
    rclone("delete", "od:A")
    assert drive.paths() == ["A/", "B/", "B/sub/", "B/sub/3.txt", "C/", "C/4.txt"]
    rclone("purge", "od:B")
    assert drive.paths() == ["A/", "C/", "C/4.txt"]
    assert sorted(drive.recycle_bin) == ["A/1.txt", "A/2.txt", "B"]
    rclone("purge", "--onedrive-hard-delete", "od:C")
    assert drive.paths() == ["A/"]
    assert sorted(drive.recycle_bin) == ["A/1.txt", "A/2.txt", "B"]


def test_make_and_remove_folders(rclone, drive):
    """A folder that is not empty is not removed."""
    rclone("mkdir", "od:A/B/C")
    assert drive.paths() == ["A/", "A/B/", "A/B/C/"]
    rclone("rmdir", "od:A/B/C")
    rclone("rmdir", "od:A", expected=1)
    assert drive.paths() == ["A/", "A/B/"]


def test_large_upload(rclone, emulator, drive, tmp_path):
    """A large file comes in fragments, in one version, with the time it has here."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(26 * 1024 * 1024 + 7))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    rclone("copyto", *CHUNKS, path, "od:A/large.bin")
    assert drive.read("A/large.bin") == path.read_bytes()
    assert drive.item("A/large.bin")["fileSystemInfo"]["lastModifiedDateTime"] == "2023-11-14T22:13:20Z"
    assert drive.version_count("A/large.bin") == 1
    assert [entry.status for entry in emulator.requests.matching(operation="fragment")] == [202, 202, 201]
    rclone("check", "--download", tmp_path, "od:A", "--include", "large.bin")


def test_replace(rclone, emulator, drive, tmp_path):
    """A file that is there is replaced: the same id, and one version more."""
    before = drive.put("A/report.txt", b"old")
    path = tmp_path / "report.txt"
    path.write_bytes(b"newer")
    rclone("copy", path, "od:A")
    after = drive.item("A/report.txt")
    assert (after["id"], drive.read("A/report.txt")) == (before["id"], b"newer")
    assert drive.version_count("A/report.txt") == 2
    rclone("cleanup", "od:A")
    assert drive.version_count("A/report.txt") == 1


def test_stream(rclone, drive):
    """What comes from a pipe becomes a file."""
    rclone("rcat", "od:A/piped.txt", input="from a pipe")
    assert drive.read("A/piped.txt") == b"from a pipe"


def test_ranged_read(rclone, emulator, drive):
    """A part of a file is read as a range: no more than that is sent."""
    content = os.urandom(1024 * 1024)
    drive.put("A/big.txt", content.hex().encode())
    emulator.requests.clear()
    assert rclone("cat", "--offset", "1000", "--count", "500", "od:A/big.txt") == content.hex()[1000:1500]
    assert rclone("cat", "--tail", "10", "od:A/big.txt") == content.hex()[-10:]
    downloads = emulator.requests.matching(operation="download")
    assert [entry.status for entry in downloads] == [206, 206]
    assert sum(entry.sent_bytes for entry in downloads) < len(content)


def test_parallel_download(rclone, emulator, drive, tmp_path):
    """A large file may be fetched by several connections, a range each."""
    content = os.urandom(8 * 1024 * 1024)
    drive.put("big.bin", content)
    streams = ("--multi-thread-cutoff", "1M", "--multi-thread-streams", "4", "--multi-thread-chunk-size", "2M")
    rclone("copy", *streams, "od:big.bin", tmp_path / "back")
    assert (tmp_path / "back/big.bin").read_bytes() == content
    assert [entry.status for entry in emulator.requests.matching(operation="download")] == [206] * 4


def test_quota(rclone, drive):
    """What is used is told, and what is left."""
    drive.put("A/a.bin", b"x" * 1000)
    about = rclone.json("about", "--json", "od:")
    assert about["used"] == 1000
    assert about["free"] + about["used"] <= about["total"]


def test_time_of_a_file(rclone, drive):
    """The time is set by itself, whole seconds count, and the content stays."""
    drive.put("A/a.txt", b"x", modified_at=datetime(2020, 1, 1, tzinfo=UTC))
    rclone("touch", "-t", "2024-01-02T03:04:05", "od:A/a.txt")
    assert drive.item("A/a.txt")["fileSystemInfo"]["lastModifiedDateTime"] == "2024-01-02T03:04:05Z"
    assert drive.read("A/a.txt") == b"x"


def test_touch_creates(rclone, drive):
    """An empty file cannot come through a session, and rclone knows."""
    rclone("touch", "od:A/new.txt")
    assert drive.read("A/new.txt") == b""


def test_link(rclone, drive):
    """A sharing link is an address; asked for twice it is the same."""
    drive.put("A/a.txt", b"x")
    link = rclone("link", "od:A/a.txt").strip()
    assert link.startswith("https://")
    assert rclone("link", "od:A/a.txt").strip() == link


def test_sign_in_once(rclone, emulator):
    """The token that rclone got serves until it expires."""
    rclone("lsf", "od:")
    rclone("lsf", "od:")
    assert len(emulator.requests.matching(operation="token")) == 1


def test_refresh_token_rotates(rclone, emulator):
    """A token that expires soon is renewed with the refresh token that came last: the one before is refused."""
    emulator.options.token_lifetime_seconds = 5
    for _ in range(3):
        rclone("lsf", "od:")
    renewals = emulator.requests.matching(operation="token")
    assert len(renewals) >= 3
    assert {entry.status for entry in renewals} == {200}


def test_as_an_application(rclone, emulator, drive):
    """Without a user rclone signs in with the client's secret, on the tenant's own address."""
    drive.put("a.txt", b"x")
    token_url = f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token"
    options = (
        "--onedrive-client-credentials",
        "--onedrive-tenant",
        emulator.tenant_id,
        "--onedrive-token-url",
        token_url,
    )
    assert rclone("lsf", *options, "--onedrive-token", "", "od:") == "a.txt\n"
    assert emulator.requests.matching(operation="token")[0].path.startswith(f"/{emulator.tenant_id}/")
