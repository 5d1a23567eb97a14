"""Flows that get content, with answers written by hand."""

from __future__ import annotations

import io

import pytest

from airflow_provider_onedrive.graph import downloads
from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    RangeNotSatisfiable,
    ServiceUnavailable,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.locations import Location, address_of
from airflow_provider_onedrive.graph.messages import Response, TransferCut
from airflow_provider_onedrive.graph.partfile import FileSink

CONTENT = b"0123456789"
AT = address_of(Location("drives", ("d",), ("a.csv",)), None)
STAT = "GET /drives/d/root:/a.csv"


class Sent:
    """An answer whose bytes go to the sink first, as a driver does it; then it ends well or breaks off."""

    def __init__(self, content: bytes, end: Response | Exception) -> None:
        self.content = content
        self.end = end


def play(script, target, *steps):
    """Make a script in which answers may carry bytes."""
    plain = [(line, answer.end if isinstance(answer, Sent) else answer) for line, answer in steps]
    talk = script(*plain)
    carried = [answer.content if isinstance(answer, Sent) else b"" for _, answer in steps]
    answer_of = talk._answer

    def pour(request):
        answer = answer_of(request)
        content = carried[len(talk.requests) - 1]
        if request.sink is not None and content:
            if isinstance(answer, Response) and answer.status == 200:
                request.sink.restart()
            request.sink.write(content)
        return answer

    talk._answer = pour
    return talk


def found(samples, url="https://s/1", etag='"{F},1"', content=CONTENT):
    return samples.ok({**samples.file(content=content, eTag=etag), "@microsoft.graph.downloadUrl": url})


def cut() -> TransferCut:
    return TransferCut(ServiceUnavailable("No answer came"), 4)


def whole(content: bytes = CONTENT, status: int = 200) -> Sent:
    return Sent(content, Response(status, {}))


def fetch(talk, target):
    link = talk.run(downloads.resolve(AT))
    return talk.run(downloads.download(AT, target, link))


@pytest.fixture
def target():
    return FileSink(io.BytesIO(), "a.csv")


def test_a_file(script, samples, target):
    """The bytes come from the pre-authorised URL, without a token, into the sink."""
    talk = play(script, target, (STAT, found(samples)), ("GET https://s/1", whole()))
    item = fetch(talk, target)
    assert item.location == "drives/d/a.csv"
    assert target.file.getvalue() == CONTENT
    assert talk.last.preauthorized
    assert talk.last.sink is target
    assert talk.last.headers == {}


def test_an_empty_file(script, samples, target):
    """No bytes are the right bytes of an empty file."""
    talk = play(script, target, (STAT, found(samples, content=b"")), ("GET https://s/1", whole(b"")))
    assert fetch(talk, target).size == 0


def test_an_item_without_a_link(script, samples, target):
    """Where the item does not carry its link, the redirect of its content does."""
    redirect = Response(302, {"location": "https://s/9"})
    talk = play(
        script,
        target,
        (STAT, samples.ok(samples.file(content=CONTENT))),
        ("GET /drives/D/items/F/content", redirect),
        ("GET https://s/9", whole()),
    )
    assert fetch(talk, target).size == 10
    assert not talk.requests[1].preauthorized


def test_what_breaks_off_is_resumed(script, samples, target):
    """After a cut the rest is fetched by Range through a fresh link."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", Sent(b"0123", cut())),
        (STAT, found(samples, "https://s/2")),
        ("GET https://s/2", whole(b"456789", 206)),
    )
    fetch(talk, target)
    assert target.file.getvalue() == CONTENT
    assert talk.last.headers == {"Range": "bytes=4-"}


def test_a_server_that_cannot_resume(script, samples, target):
    """A 200 to a Range is the whole file from its beginning."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", Sent(b"0123", cut())),
        (STAT, found(samples, "https://s/2")),
        ("GET https://s/2", whole()),
    )
    fetch(talk, target)
    assert target.file.getvalue() == CONTENT


def test_a_cut_before_the_first_byte(script, samples, target):
    """Where nothing has come there is no Range."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", cut()),
        (STAT, found(samples, "https://s/2")),
        ("GET https://s/2", whole()),
    )
    fetch(talk, target)
    assert talk.last.headers == {}


def test_a_file_that_changed_meanwhile(script, samples, target):
    """Half of the old version and half of the new would be neither: with another eTag it starts again."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", Sent(b"0123", cut())),
        (STAT, found(samples, "https://s/2", '"{F},2"', b"new")),
        ("GET https://s/2", whole(b"new")),
    )
    item = fetch(talk, target)
    assert target.file.getvalue() == b"new"
    assert talk.last.headers == {}
    assert (item.etag, item.size) == ('"{F},2"', 3)


@pytest.mark.parametrize("problem", [Unauthenticated("expired"), AccessDenied("expired"), ItemNotFound("expired")])
def test_a_link_that_expired(script, samples, target, problem):
    """401, 403 and 404 of a link mean a fresh link, never a token."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", problem),
        (STAT, found(samples, "https://s/2")),
        ("GET https://s/2", whole()),
    )
    fetch(talk, target)
    assert target.file.getvalue() == CONTENT
    assert talk.last.preauthorized


def test_a_range_that_is_not_there(script, samples, target):
    """416 means that what we have does not fit: it starts again."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", Sent(b"0123456789ab", cut())),
        (STAT, found(samples, "https://s/2")),
        ("GET https://s/2", RangeNotSatisfiable("no")),
        (STAT, found(samples, "https://s/3")),
        ("GET https://s/3", whole()),
    )
    fetch(talk, target)
    assert target.file.getvalue() == CONTENT
    assert talk.last.headers == {}


def test_links_that_never_work(script, samples, target):
    """After eight links the problem goes to the caller."""
    steps = [(STAT, found(samples)), ("GET https://s/1", AccessDenied("no", status=403))] * 8
    with pytest.raises(AccessDenied):
        fetch(play(script, target, *steps), target)


def test_cuts_that_never_end(script, samples, target):
    """What breaks off again and again is told by its cause."""
    steps = [(STAT, found(samples)), ("GET https://s/1", cut())] * 8
    with pytest.raises(ServiceUnavailable):
        fetch(play(script, target, *steps), target)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b""])
def test_bytes_that_are_too_few_or_too_many(script, samples, target, content):
    """What arrived is not what Graph says: an error that tells both sizes."""
    talk = play(script, target, (STAT, found(samples)), ("GET https://s/1", whole(content)))
    with pytest.raises(VerificationFailed, match=f"{len(content)} bytes came, and Graph says that the file has 10"):
        fetch(talk, target)


def test_a_folder_has_no_content(script, samples):
    """A folder where a file is meant is an error before anything is fetched."""
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        script((STAT, samples.ok(samples.folder("a.csv")))).run(downloads.resolve(AT))


def test_a_file_that_goes_meanwhile(script, samples, target):
    """A file deleted during its download is a missing file."""
    talk = play(
        script,
        target,
        (STAT, found(samples)),
        ("GET https://s/1", ItemNotFound("gone")),
        (STAT, ItemNotFound("gone")),
        ("GET /drives/d/root?$select=id", Response(200, {}, {"id": "R"})),
    )
    with pytest.raises(ItemNotFound):
        fetch(talk, target)


def test_a_drive_that_is_missing(script):
    """A missing drive is told from a missing file."""
    gone = ItemNotFound("gone")
    with pytest.raises(DriveNotFound):
        script((STAT, gone), ("GET /drives/d/root?$select=id", gone)).run(downloads.resolve(AT))


def test_other_errors_end_it(script, samples, target):
    """What a fresh link cannot cure is raised: the driver has tried enough."""
    talk = play(script, target, (STAT, found(samples)), ("GET https://s/1", ServiceUnavailable("no", status=503)))
    with pytest.raises(ServiceUnavailable):
        fetch(talk, target)


def test_a_link_is_not_shown(script, samples):
    """Whoever has a link may read the file."""
    link = script((STAT, found(samples, "https://s/SECRET"))).run(downloads.resolve(AT))
    assert "SECRET" not in repr(link)
