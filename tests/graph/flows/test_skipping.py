"""What ``skip`` and ``skip_if_same`` do, with answers written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from upload_steps import (
    AT,
    BY_ID,
    CONFLICT,
    CONTENT,
    OTHER,
    create,
    created,
    file,
    look_up,
    missing,
    nothing,
    opened,
    parent,
    put,
    put_by_id,
    read,
    sent,
    stale,
    taken,
    without_hash,
)

from airflow_provider_onedrive.graph.content.sources import MemorySource
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.protocol.errors import LocationError, NameHeld, PreconditionFailed
from airflow_provider_onedrive.graph.protocol.options import UploadOptions


def test_what_is_there_is_skipped(script, samples):
    """Whatever the file holds, nothing is sent."""
    item = script(parent(samples), look_up(file(samples, b"other"))).run(create("skip"))
    assert (item.outcome, item.size) == ("skipped", 5)


def test_nothing_is_there_to_be_skipped(script, samples):
    """A free name is used, and Graph decides whether it still is free."""
    driver = script(parent(samples), *nothing(), put(created(samples)))
    assert driver.run(create("skip")).outcome == "created"


def test_what_appears_meanwhile_is_skipped(script, samples):
    """A file that somebody makes between the look and the upload is skipped as well."""
    there = look_up(file(samples, b"other"))
    driver = script(parent(samples), *nothing(), put(taken()), there, there)
    assert driver.run(create("skip")).outcome == "skipped"


def test_what_holds_the_name_is_not_skipped(script, samples):
    """Nothing is there and the name is refused: there is no file to return, so it is an error."""
    with pytest.raises(NameHeld):
        script(parent(samples), *nothing(), put(taken()), *[nothing()[0]] * 3).run(create("skip"))


@pytest.mark.parametrize("misses", [1, 2])
def test_name_that_is_refused_is_looked_at_again(script, samples, misses):
    """The look before and the one after the refusal did not see the file that holds the name."""
    there, unseen = look_up(file(samples, b"other")), [look_up(missing())] * misses
    driver = script(parent(samples), *nothing(), put(taken()), *unseen, there, *unseen, there)
    assert driver.run(create("skip")).outcome == "skipped"


@pytest.mark.parametrize("if_exists", ["skip", "skip_if_same"])
@pytest.mark.parametrize("kind", [{"folder": {"childCount": 1}}, {"package": {"type": "oneNote"}}])
def test_no_file_is_not_skipped(script, samples, if_exists, kind):
    """A folder or a notebook of that name is an error: the caller would take it for his file."""
    with pytest.raises(LocationError, match="is a"):
        script(parent(samples), look_up(samples.ok(samples.item("a.csv", "N", **kind)))).run(create(if_exists))


def test_a_file_by_its_id_is_skipped(script, samples):
    """By id the file is there."""
    at = AT.by_id("D", "F")
    driver = script(read(file(samples, b"other")), read(file(samples, b"other")))
    assert driver.run(uploads.create(at, MemorySource(CONTENT), "skip")).outcome == "skipped"


def test_the_same_is_skipped(script, samples):
    """Size and hash are the same: nothing is sent, and no version is made."""
    assert script(parent(samples), look_up(file(samples))).run(create("skip_if_same")).outcome == "skipped"
    empty = script(parent(samples), look_up(file(samples, b"")))
    assert empty.run(create("skip_if_same", b"")).outcome == "skipped"


@pytest.mark.parametrize("there", [OTHER, b"other"])
def test_other_content_is_replaced(script, samples, there):
    """Exactly the version that was looked at is replaced: by its id, with its eTag."""
    driver = script(parent(samples), look_up(file(samples, there)), put_by_id(file(samples)))
    assert driver.run(create("skip_if_same")).outcome == "replaced"
    assert driver.last.headers["If-Match"] == '"{F},1"'


def test_other_content_is_replaced_by_session(script, samples):
    """A session compares the eTag as well."""
    options = UploadOptions(single_put_bytes=0)
    steps = opened(samples, where=BY_ID), sent(file(samples))
    driver = script(parent(samples), look_up(file(samples, OTHER)), *steps)
    assert driver.run(create("skip_if_same", options=options)).outcome == "replaced"
    assert driver.requests[2].headers["If-Match"] == '"{F},1"'
    assert driver.requests[2].json["item"][CONFLICT] == "replace"


def test_a_hash_that_is_not_there_yet_is_waited_for(script, samples):
    """A file just written has no hash for a moment, which does not make it another."""
    driver = script(parent(samples), look_up(without_hash(samples)), read(without_hash(samples)), read(file(samples)))
    assert driver.run(create("skip_if_same")).outcome == "skipped"
    assert [request.failures for request in driver.requests[2:]] == [1, 2]


def test_without_any_hash_nothing_is_the_same(script, samples):
    """Files of the same size may differ: where Graph gives no hash the file is replaced."""
    there = without_hash(samples)
    driver = script(parent(samples), look_up(there), *[read(there)] * 5, put_by_id(file(samples)))
    assert driver.run(create("skip_if_same")).outcome == "replaced"


def test_what_sharepoint_rewrote_is_never_the_same(script, samples):
    """An Office file of SharePoint is not what was sent, so it is sent again."""
    there = created(samples, CONTENT + b"more", "a.docx")
    at = replace(AT, names=("x", "a.docx"))
    driver = script(parent(samples), look_up(there, "a.docx"), put_by_id(there))
    item = driver.run(uploads.create(at, MemorySource(CONTENT), "skip_if_same"))
    assert (item.outcome, item.server_rewrote) == ("created", True)


@pytest.mark.parametrize("again", [CONTENT, OTHER])
def test_a_file_that_changes_after_the_look(script, samples, again):
    """It is looked at once more: skipped if it is the same by now, replaced if not."""
    newer = file(samples, again, eTag="2")
    driver = script(
        parent(samples),
        *(look_up(file(samples, b"other")), put_by_id(stale()), read(newer), look_up(newer)),
        *([put_by_id(file(samples))] if again is OTHER else []),
    )
    assert driver.run(create("skip_if_same")).outcome == ("replaced" if again is OTHER else "skipped")
    assert driver.last.headers.get("If-Match") == ("2" if again is OTHER else None)


def test_a_file_that_appears_after_the_look(script, samples):
    """409 of a create is looked at once more as well."""
    there = file(samples, b"other")
    driver = script(parent(samples), *nothing(), put(taken()), look_up(there), look_up(there), put_by_id(file(samples)))
    assert driver.run(create("skip_if_same")).outcome == "replaced"


def test_file_that_goes_after_the_look_is_created(script, samples):
    """After the 404s of the version that was looked at a second look shows that the name is free."""
    steps = look_up(file(samples, OTHER)), *[put_by_id(missing())] * 5, *nothing(), put(created(samples))
    assert script(parent(samples), *steps).run(create("skip_if_same")).outcome == "created"


def test_a_file_that_changes_again_and_again(script, samples):
    """After the second time the refusal is the error: nobody's change is overwritten."""
    there = look_up(file(samples, b"other"))
    round_ = there, put_by_id(stale()), read(file(samples, b"other"))
    with pytest.raises(PreconditionFailed):
        script(parent(samples), *round_, *round_).run(create("skip_if_same"))
