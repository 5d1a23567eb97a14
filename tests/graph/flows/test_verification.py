"""What Graph has after an upload, with answers written by hand."""

from __future__ import annotations

import pytest
from upload_steps import (
    CONTENT,
    OTHER,
    create,
    created,
    file,
    parent,
    plan_of,
    put,
    put_by_id,
    read,
    stale,
    without_hash,
)

from airflow_provider_onedrive.graph.content.hashing import PERSONAL
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.protocol.errors import VerificationFailed
from airflow_provider_onedrive.graph.protocol.options import UploadOptions


def upload_of(content: bytes, conflict: str = "fail", **more):
    return uploads.upload(plan_of(content, conflict, **more))


def test_what_arrived_as_something_else_is_sent_again(script, samples):
    """It is sent once more, over exactly the version that is wrong; the outcome is that of the first."""
    driver = script(put(created(samples, OTHER)), put_by_id(file(samples)))
    item = driver.run(upload_of(CONTENT))
    assert (item.outcome, item.quick_xor_hash) == ("created", samples.hash(CONTENT))
    assert driver.last.headers["If-Match"] == '"{F},1"'
    assert driver.bodies == [CONTENT, CONTENT]


@pytest.mark.parametrize("there", [OTHER, CONTENT[:-1]])
def test_what_twice_arrives_as_something_else(script, samples, there):
    """The second time it is an error that shows sizes and hashes; nothing is deleted."""
    driver = script(put(created(samples, there)), put_by_id(file(samples, there)))
    with pytest.raises(VerificationFailed, match=f"Graph has {len(there)} bytes .*sent were 8 bytes"):
        driver.run(upload_of(CONTENT))


def test_a_wrong_copy_that_somebody_changes(script, samples):
    """What somebody wrote over the wrong copy is not overwritten, and the error says so."""
    driver = script(put(created(samples, OTHER)), put_by_id(stale()), read(file(samples, b"other")))
    with pytest.raises(VerificationFailed, match="it changed"):
        driver.run(upload_of(CONTENT))


def test_a_hash_that_comes_late(script, samples):
    """The answer has no hash: it is asked for, and compared when it is there."""
    driver = script(put(without_hash(samples)), read(without_hash(samples)), read(file(samples)))
    item = driver.run(upload_of(CONTENT))
    assert (item.outcome, item.quick_xor_hash) == ("created", samples.hash(CONTENT))
    wrong = script(put(without_hash(samples)), read(file(samples, OTHER)), put_by_id(file(samples)))
    assert wrong.run(upload_of(CONTENT)).outcome == "created"


def test_a_hash_that_never_comes(script, samples, caplog):
    """Some drives have no hashes: the size was compared, which the log says, and it is no error."""
    driver = script(put(without_hash(samples)), *[read(without_hash(samples))] * 5)
    assert driver.run(upload_of(CONTENT)).outcome == "created"
    assert "only its size was compared" in caplog.text


@pytest.mark.parametrize("name", ["a.docx", "a.XLSX", "a.pptx", "a.pdf", "a.html"])
@pytest.mark.parametrize("there", [CONTENT + b"<!-- -->", OTHER])
def test_what_sharepoint_rewrites_is_no_error(script, samples, name, there):
    """SharePoint writes properties into such files: the item says so, and it is not sent again."""
    item = script(put(created(samples, there, name))).run(upload_of(CONTENT))
    assert item.server_rewrote


def test_a_personal_drive_rewrites_nothing(script, samples):
    """There a different Office file is a wrong one."""
    personal = {"driveId": "D", "path": "/drives/D/root:/x", "driveType": "personal"}
    wrong = created(samples, OTHER, "a.docx", parentReference=personal)
    with pytest.raises(VerificationFailed):
        script(put(wrong), put_by_id(wrong)).run(upload_of(CONTENT))


@pytest.mark.parametrize("wrong", ["sha1Hash", "sha256Hash"])
def test_a_personal_drive_has_more_hashes(script, samples, wrong):
    """Each hash that both sides know is compared, hexadecimal digits in either case."""
    right = plan_of(CONTENT, names=PERSONAL).digests.values()
    kinds = [{"hashes": {**right, wrong: "00"}}, {"hashes": {name: value.lower() for name, value in right.items()}}]
    kinds[1]["hashes"]["quickXorHash"] = right["quickXorHash"]
    driver = script(put(created(samples, file=kinds[0])), put_by_id(file(samples, file=kinds[1])))
    assert driver.run(upload_of(CONTENT, names=PERSONAL)).outcome == "created"


@pytest.mark.parametrize(("drive_type", "again"), [("personal", True), ("business", False)])
def test_which_hashes_are_taken(script, samples, drive_type, again):
    """The kind of drive decides: only a personal drive gives sha1 and sha256."""
    reference = {"driveId": "D", "path": "/drives/D/root:", "driveType": drive_type}
    kind = {"hashes": {"quickXorHash": samples.hash(CONTENT), "sha1Hash": "00"}}
    more = [put_by_id(file(samples))] if again else []
    driver = script(parent(samples, parentReference=reference), put(created(samples, file=kind)), *more)
    driver.run(create())


def test_nothing_is_compared_on_demand(script, samples):
    """With verify=False whatever Graph says it has is taken for it."""
    item = script(put(created(samples, b"other"))).run(upload_of(CONTENT, options=UploadOptions(verify=False)))
    assert (item.outcome, item.size) == ("created", 5)
