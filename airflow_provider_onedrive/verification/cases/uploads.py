"""Cases of uploads."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from os import utime
from typing import Any

from airflow_provider_onedrive.graph.protocol.options import UploadOptions
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.cases.results import (
    TEN_MEBIBYTES,
    UNIT_BYTES,
    bytes_of,
    error_of,
    names_of,
    of_item,
)
from airflow_provider_onedrive.verification.workspace import Workspace

_LARGE_BYTES = 100 * 1000 * 1000
_IN_FRAGMENTS = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES)
_STALE = '"{00000000-0000-0000-0000-000000000000},99"'
_COMPOSED = unicodedata.normalize("NFC", "é.txt")
_DECOMPOSED = unicodedata.normalize("NFD", "é.txt")


def _transferred(space: Workspace, size: int, options: UploadOptions) -> Observation:
    content = bytes_of(size)
    item = space.client.upload(space.at("a.txt"), content=content, options=options)
    return {**of_item(item), "is read as sent": space.client.read_bytes(item.to_dict()) == content}


@case("An empty file is uploaded and read", "upload", "read_bytes")
def upload_empty(space: Workspace) -> Observation:
    return _transferred(space, 0, UploadOptions())


@case("A file of one byte is uploaded and read", "upload", "read_bytes", sends_bytes=1)
def upload_one_byte(space: Workspace) -> Observation:
    return _transferred(space, 1, UploadOptions())


@case("A session takes one byte less than 320 KiB", "upload", "read_bytes", sends_bytes=UNIT_BYTES - 1)
def upload_below_a_unit(space: Workspace) -> Observation:
    return _transferred(space, UNIT_BYTES - 1, _IN_FRAGMENTS)


@case("A session takes 320 KiB", "upload", "read_bytes", sends_bytes=UNIT_BYTES)
def upload_a_unit(space: Workspace) -> Observation:
    return _transferred(space, UNIT_BYTES, _IN_FRAGMENTS)


@case("A session takes 320 KiB, and one byte in a second fragment", "upload", "read_bytes", sends_bytes=UNIT_BYTES + 1)
def upload_above_a_unit(space: Workspace) -> Observation:
    return _transferred(space, UNIT_BYTES + 1, _IN_FRAGMENTS)


@case("10 MiB are uploaded in one request", "upload", "read_bytes", sends_bytes=TEN_MEBIBYTES)
def upload_ten_mebibytes(space: Workspace) -> Observation:
    return _transferred(space, TEN_MEBIBYTES, UploadOptions())


@case("10 MiB and one byte are uploaded by a session", "upload", "read_bytes", sends_bytes=TEN_MEBIBYTES + 1)
def upload_above_ten_mebibytes(space: Workspace) -> Observation:
    return _transferred(space, TEN_MEBIBYTES + 1, UploadOptions())


@case("100 MB are uploaded by a session, from a file", "upload", "download", sends_bytes=_LARGE_BYTES, needs="large")
def upload_large(space: Workspace) -> Observation:
    source, target = space.local / "a.txt", space.local / "b.txt"
    content = bytes_of(_LARGE_BYTES)
    source.write_bytes(content)
    item = space.client.upload(space.at("a.txt"), local_path=str(source))
    space.client.download(item.to_dict(), str(target))
    return {**of_item(item), "is read as sent": target.read_bytes() == content}


@case("An upload to a taken name fails, and changes nothing", "upload", "read_bytes")
def upload_taken(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"first")
    error = error_of(lambda: space.client.upload(space.at("a.txt"), content=b"second"))
    return {**error, "is unchanged": space.client.read_bytes(space.at("a.txt")) == b"first"}


@case("An upload replaces a file, which keeps its id and gets other tags", "upload", "stat")
def upload_replace(space: Workspace) -> Observation:
    first = space.client.upload(space.at("a.txt"), content=b"first")
    second = space.client.upload(space.at("a.txt"), content=b"second", if_exists="replace")
    return {
        **of_item(second),
        "same id": first.id == second.id,
        "same eTag": first.etag == second.etag,
        "same cTag": first.ctag == second.ctag,
        "is read again": space.client.stat(space.at("a.txt")).etag == second.etag,
    }


@case("An upload to a taken name gets another name", "upload", "children")
def upload_rename(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"first")
    item = space.client.upload(space.at("a.txt"), content=b"second", if_exists="rename")
    return {**of_item(item), "names": names_of(space.client.children(space.folder.to_dict()))}


@case("An upload to a taken name is skipped; with the same content too, with another one it replaces", "upload")
def upload_skip(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"first")
    skipped = space.client.upload(space.at("a.txt"), content=b"second", if_exists="skip")
    same = space.client.upload(space.at("a.txt"), content=b"first", if_exists="skip_if_same")
    other = space.client.upload(space.at("a.txt"), content=b"other", if_exists="skip_if_same")
    return {"skip": skipped.outcome, "same": same.outcome, "other": other.outcome}


@case(
    "A session for a taken name fails, and one with another name does not",
    "upload",
    "children",
    sends_bytes=2 * UNIT_BYTES,
)
def upload_session_taken(space: Workspace) -> Observation:
    content = bytes_of(UNIT_BYTES)
    space.client.upload(space.at("a.txt"), content=b"first")
    error = error_of(lambda: space.client.upload(space.at("a.txt"), content=content, options=_IN_FRAGMENTS))
    item = space.client.upload(space.at("a.txt"), content=content, if_exists="rename", options=_IN_FRAGMENTS)
    return {"error": error, **of_item(item), "names": names_of(space.client.children(space.folder.to_dict()))}


@case("Folders that are missing are an error, or created", "upload")
def upload_into_new_folders(space: Workspace) -> Observation:
    error = error_of(lambda: space.client.upload(space.at("in/below/a.txt"), content=b"a"))
    item = space.client.upload(space.at("in/below/a.txt"), content=b"a", create_folders=True)
    return {"error": error, **of_item(item)}


@case("The time of a local file is kept, by a session and, if it is asked for, by one request", "upload")
def upload_keeps_time(space: Workspace) -> Observation:
    source, noon = space.local / "a.txt", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    source.write_bytes(b"a")
    utime(source, (noon.timestamp(), noon.timestamp()))
    options = {"one request": UploadOptions(preserve_mtime=True), "session": UploadOptions(single_put_bytes=0)}
    items = {
        name: space.client.upload(space.at("a.txt"), local_path=str(source), if_exists="replace", options=option)
        for name, option in options.items()
    }
    return {name: str(item.client_modified_at) for name, item in items.items()}


@case("A name in one normal form of Unicode is taken for the one in the other form", "upload", "exists", "children")
def upload_normal_forms(space: Workspace) -> Observation:
    space.client.upload(space.at(_COMPOSED), content=b"composed")
    error = error_of(lambda: space.client.upload(space.at(_DECOMPOSED), content=b"decomposed"))
    names = [each.name for each in space.client.children(space.folder.to_dict())]
    return {"second": error, "names": len(names), "keeps its form": _COMPOSED in names, **_exist(space, [_DECOMPOSED])}


@case("A name in the decomposed form keeps it", "upload", "exists", "children")
def upload_decomposed(space: Workspace) -> Observation:
    space.client.upload(space.at(_DECOMPOSED), content=b"decomposed")
    names = [each.name for each in space.client.children(space.folder.to_dict())]
    return {"keeps its form": _DECOMPOSED in names, **_exist(space, [_COMPOSED, _DECOMPOSED])}


@case("Names are compared without regard to case", "upload", "exists")
def upload_letter_case(space: Workspace) -> Observation:
    space.client.upload(space.at("a.txt"), content=b"a")
    return {**_exist(space, ["A.TXT"]), **error_of(lambda: space.client.upload(space.at("A.TXT"), content=b"A"))}


@case("A name with characters that URLs use is kept", "upload", "read_bytes")
def upload_odd_name(space: Workspace) -> Observation:
    name = "a #%25&+;=@!'(1) [ü] 日本.txt"
    item = space.client.upload(space.at(name), content=b"odd")
    return {"is kept": item.name == name, "is read": space.client.read_bytes(space.at(name)) == b"odd"}


@case("An update is done with the right eTag, and refused with a stale one or without a file", "update", "upload")
def update_by_etag(space: Workspace) -> Observation:
    first = space.client.upload(space.at("a.txt"), content=b"first")
    second = space.client.update(space.at("a.txt"), content=b"second", expected_etag=first.etag)
    stale = error_of(lambda: space.client.update(space.at("a.txt"), content=b"third", expected_etag=first.etag))
    missing = error_of(lambda: space.client.update(space.at("b.txt"), content=b"b"))
    return {**of_item(second), "stale": stale, "missing": missing}


@case("A session with a stale eTag is refused", "update", "upload", sends_bytes=2 * UNIT_BYTES)
def update_session_by_etag(space: Workspace) -> Observation:
    content = bytes_of(UNIT_BYTES)
    space.client.upload(space.at("a.txt"), content=b"first")
    return error_of(
        lambda: space.client.update(space.at("a.txt"), content=content, expected_etag=_STALE, options=_IN_FRAGMENTS)
    )


@case("Text is saved, replaced, and not sent again if it is the same", "save", "read_text")
def save(space: Workspace) -> Observation:
    first = space.client.save(space.at("a.txt"), content="ä")
    second = space.client.save(space.at("a.txt"), content="ö")
    same = space.client.save(space.at("a.txt"), content="ö", if_exists="skip_if_same")
    outcomes = [each.outcome for each in (first, second, same)]
    return {"outcomes": outcomes, "is read as sent": space.client.read_text(space.at("a.txt")) == "ö"}


@case("A file that is opened for writing is saved at its end, and can be opened for reading", "open")
def open_file(space: Workspace) -> Observation:
    with space.client.open(space.at("a.txt"), "w") as writing:
        writing.write("written\n")
    with space.client.open(space.at("a.txt"), "r") as reading:
        return {"is read as written": reading.read() == "written\n"}


def _exist(space: Workspace, names: Iterable[str]) -> dict[str, Any]:
    return {"exist": [space.client.exists(space.at(name)) for name in names]}
