"""A drive that does one thing differently: the comparison finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import (
    Fault,
    alter,
    answer,
    corrupt_response,
    ignore_range,
    repeat_next_link,
    shift_range,
    status,
)
from airflow_provider_onedrive.emulator.http.messages import Request


@dataclass(frozen=True)
class Forget(Fault):
    """Passes over a header of the request."""

    header: str

    def before(self, request: Request, *_: object) -> None:
        del request.headers[self.header]


def always(fault: Fault, **rule: Any) -> Callable[[Any], None]:
    return lambda emulator: emulator.faults.add(times=None, do=fault, **rule)


def quirk(**values: Any) -> Callable[[Any], None]:
    def spoil(emulator: Any) -> None:
        for name, value in values.items():
            setattr(emulator.quirks, name, value)

    return spoil


def option(**values: Any) -> Callable[[Any], None]:
    def spoil(emulator: Any) -> None:
        for name, value in values.items():
            setattr(emulator.options, name, value)

    return spoil


OTHER_ID = "01" + "A" * 32
EARLY = "2020-01-02T03:04:05.678Z"

WRONG: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
    "no hash for a while": (quirk(hash_missing_reads=9), ("upload_one_byte",)),
    "another hash": (
        always(alter({"file/hashes/quickXorHash": "A" * 27 + "="}), operation="upload"),
        ("upload_one_byte",),
    ),
    "another size": (always(alter({"size": 7}), operation="upload"), ("upload_one_byte",)),
    "a broken byte": (always(corrupt_response(0), operation="download"), ("download", "download_ranges")),
    "normal forms count": (quirk(names_without_normal_form=True), ("upload_normal_forms", "equal_names")),
    "200 for a new file": (always(answer(200), operation="upload"), ("put_of_content",)),
    "200 for a deletion": (always(answer(200, body={}), operation="delete"), ("deletions",)),
    "deletions do nothing": (always(answer(204, done=False), operation="delete"), ("deletions", "delete_file")),
    "eTags are passed over": (always(Forget("If-Match")), ("stale_etags", "update_by_etag")),
    "eTags stay": (always(alter({"eTag": '"{A},1"'})), ("tags_after_changes", "upload_replace")),
    "ranges are passed over": (always(ignore_range(), operation="download"), ("download_ranges",)),
    "other ranges": (always(shift_range(1), operation="download"), ("download_ranges",)),
    "the last page links to itself": (always(repeat_next_link(), operation="children"), ("pages_of_children",)),
    "410 for a token that is none": (always(status(410), operation="delta"), ("delta_tokens",)),
    "the monitor names another id": (always(alter({"resourceId": OTHER_ID}), operation="monitor"), ("copy_monitor",)),
    "a property is missing": (always(alter(without=["parentReference/siteId"])), ("properties_of_a_file",)),
    "a property is new": (always(alter({"bundle": {}}), operation="get"), ("properties_of_a_folder",)),
    "times have fractions": (always(alter({"createdDateTime": EARLY}), operation="get"), ("properties_of_a_file",)),
    "sessions live for days": (option(session_seconds=5 * 24 * 3600), ("session_creation",)),
    "open ranges": (
        always(answer(body={"nextExpectedRanges": ["5-"]}), operation="session_status"),
        ("session_fragments",),
    ),
    "other words": (always(status(404, message="It is not there."), path="b.txt"), ("missing_items",)),
    "another code": (always(status(404, code="UnknownError"), path="b.txt"), ("missing_items", "stat_missing")),
    "404 for a taken name": (always(status(404), operation="create_folder", after=1), ("folder_creation",)),
    "an empty answer": (always(answer(200, body=""), operation="create_folder", after=2), ("folder_creation",)),
    "new files are missing": (quirk(invisible_reads=99), ("stat_missing", "listings")),
    "a part of a batch fails": (always(status(409), path="b.txt"), ("batch",)),
    "another content type": (always(answer(headers={"Content-Type": "text/json"})), ("headers_of_answers",)),
    "content is not elsewhere": (always(answer(200, body={}), operation="content"), ("content_redirect",)),
    "copies are refused": (always(status(501), operation="copy"), ("copy_file", "copy_in_steps", "event_loop_copy")),
    "delta knows no deletions": (
        always(alter(without=["deleted"]), operation="delta"),
        ("delta_of_a_deletion", "sync_folder"),
    ),
}


@pytest.mark.parametrize(("spoil", "cases"), WRONG.values(), ids=WRONG)
def test_difference_is_seen(onedrive_emulator, compare, spoil, cases):
    """Each case that is about it differs, and says at which points."""
    comparison = compare(*cases)
    spoil(onedrive_emulator)
    findings = list(comparison.findings())
    assert {each.case.name: each.result for each in findings} == dict.fromkeys(cases, "differs")
    assert all(each.differences for each in findings)


def test_there_are_enough():
    """Of different kinds."""
    assert len({cases for _, cases in WRONG.values()}) >= 15
