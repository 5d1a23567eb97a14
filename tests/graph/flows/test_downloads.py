"""Flows that get content, with answers written by hand."""

from __future__ import annotations

import io

import pytest
from asking_nothing import no_drive

from airflow_provider_onedrive.graph.content.sinks import OpenFile, RangeIgnored, RangeSink
from airflow_provider_onedrive.graph.flows import downloads
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    PreconditionFailed,
    RangeNotSatisfiable,
    ServiceUnavailable,
    SourceChanged,
    Unauthenticated,
    UnreadableAnswer,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.messages import Response, TransferCut

CONTENT = b"0123456789"
ETAG = '"{F},1"'
AT = address_of(Location("drives", ("d",), ("a.csv",)))
STAT = "GET /drives/d/root:/a.csv"


class Sent:
    """An answer whose bytes go to the sink first, as a driver does it; then it ends well or breaks off.

    :param headers: None takes the right ones.
    """

    def __init__(
        self,
        content: bytes,
        status: int = 200,
        end: Exception | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.content = content
        self.status = status
        self.end = end
        self._headers = headers

    def headers(self, request):
        if self._headers is not None:
            return self._headers
        asked = request.headers.get("Range", f"bytes=0-{len(CONTENT) - 1}").removeprefix("bytes=")
        return {"content-range": f"bytes {asked}/{len(CONTENT)}"} if self.status == 206 else {}


class Target:
    """What a file's bytes go to: all of them, or ``length`` from ``start`` on."""

    def __init__(self, start: int = 0, length: int = len(CONTENT)) -> None:
        self.file = io.BytesIO()
        self.sink = RangeSink(OpenFile(self.file, "a.csv"), start, length, is_whole=length == len(CONTENT))

    @property
    def content(self) -> bytes:
        return self.file.getvalue()


@pytest.fixture
def target():
    return Target()


def play(script, *steps):
    """Make a script in which answers may carry bytes."""
    answers = [answer for _, answer in steps]
    driver = script(*((line, Response(200, {}) if isinstance(answer, Sent) else answer) for line, answer in steps))
    answer_of = driver._answer

    def pour(request):
        plain = answer_of(request)
        answer = answers[len(driver.requests) - 1]
        if not isinstance(answer, Sent):
            return plain
        try:
            request.sink.begin(answer.status, answer.headers(request))
            request.sink.write(answer.content)
        except RangeIgnored as refusal:
            return refusal
        return answer.end or Response(answer.status, {})

    driver._answer = pour
    return driver


def listed_without_it(samples):
    """The listing of its folder proves that the file is missing."""
    listing = samples.page(samples.file("b.csv"))
    return ("GET /drives/d/root", samples.ok(samples.root())), ("GET /drives/D/items/R/children?$top=1000", listing)


def found(samples, number=1, etag=ETAG, content=CONTENT, **more):
    link = {"@microsoft.graph.downloadUrl": f"https://s/{number}"}
    return samples.ok({**samples.file(content=content, eTag=etag, **more), **link})


def cut(content: bytes = b"", status: int = 200) -> Sent:
    return Sent(content, status, TransferCut(ServiceUnavailable("No answer came"), len(content)))


def fetch(driver, target):
    link = driver.run(downloads.resolve(AT))
    driver.run(downloads.fetch(downloads.Links(AT, link), target.sink))
    return link.item


def test_a_file(script, samples, target):
    """The bytes come from the pre-authorised URL, without a token, into the sink."""
    driver = play(script, (STAT, found(samples)), ("GET https://s/1", Sent(CONTENT)))
    assert fetch(driver, target).location == "drives/d/a.csv"
    assert (target.content, target.sink.hash.base64()) == (CONTENT, samples.hash(CONTENT))
    assert driver.last.preauthorized
    assert driver.last.headers == {}


def test_an_empty_file(script, samples):
    """Of an empty file nothing is asked."""
    driver = play(script, (STAT, found(samples, content=b"")))
    assert fetch(driver, Target(length=0)).size == 0


WRONG_RANGES = [
    *["bytes 4-6/10", "bytes 2-6/10", "bytes 0-3/10", "bytes 3-7/10", "bytes 3-9/10", "bytes 3-6/11", "bytes 3-6/9"],
    *["", "bytes", "bytes */10", "3-6/10", "bytes 3-6", "bytes 3-/10", "items 3-6/10", "bytes \u0663-6/10"],
]


def ranged(content: bytes, content_range: str, **more: str) -> Sent:
    return Sent(content, 206, headers={"content-range": content_range, **more})


@pytest.mark.parametrize("content_range", WRONG_RANGES)
def test_part_with_another_range_is_not_taken(script, samples, content_range):
    """A cache on the way may answer with the range of another request: it is asked once more, without the condition."""
    target = Target(3, 4)
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", ranged(b"XXXX", content_range))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(b"3456", 206))),
    )
    fetch(driver, target)
    assert target.content == b"\0\0\0003456"
    assert driver.last.headers == {"Range": "bytes=3-6"}


def test_part_without_a_range_is_not_taken(script, samples):
    """206 without its header says nothing about which bytes follow."""
    answer = Sent(b"XXXX", 206, headers={})
    steps = (STAT, found(samples)), ("GET https://s/1", answer), (STAT, found(samples))
    driver = play(script, *steps, ("GET https://s/1", answer), (STAT, found(samples)))
    with pytest.raises(RangeIgnored, match="the range '' came instead of the one that was asked for"):
        fetch(driver, Target(3, 4))


@pytest.mark.parametrize("content_range", WRONG_RANGES)
def test_part_that_twice_has_another_range_is_an_error(script, samples, content_range):
    """None of its bytes is written."""
    target, answer = Target(3, 4), ranged(b"XXXX", content_range)
    steps = (STAT, found(samples)), ("GET https://s/1", answer), (STAT, found(samples))
    with pytest.raises(RangeIgnored, match="came instead of the one that was asked for") as caught:
        fetch(play(script, *steps, ("GET https://s/1", answer), (STAT, found(samples))), target)
    assert caught.value.is_retryable
    assert target.content == b""


@pytest.mark.parametrize("content_range", ["bytes 3-6/*", " bytes 3-6/10 "])
def test_part_that_leaves_the_total_open_is_taken(script, samples, content_range):
    """HTTP allows it, and spaces around a header."""
    target = Target(3, 4)
    fetch(play(script, (STAT, found(samples)), ("GET https://s/1", ranged(b"3456", content_range))), target)
    assert target.content == b"\0\0\0003456"


@pytest.mark.parametrize("content_range", ["bytes 0-9/10", "bytes 5-9/10", "bytes 4-10/11", "bytes 4-9/11", ""])
def test_rest_with_another_range_is_not_taken(script, samples, target, content_range):
    """What has come stays, and the rest is asked for again."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut(b"0123"))),
        *((STAT, found(samples, 2)), ("GET https://s/2", ranged(b"XXXXXX", content_range))),
        *((STAT, found(samples, 3)), ("GET https://s/3", Sent(b"456789", 206))),
    )
    fetch(driver, target)
    assert (target.content, target.sink.hash.base64()) == (CONTENT, samples.hash(CONTENT))
    assert driver.last.headers == {"Range": "bytes=4-9"}


def test_whole_file_may_come_as_a_range(script, samples, target):
    """206 to a plain GET is the file if its range is the whole file."""
    fetch(play(script, (STAT, found(samples)), ("GET https://s/1", Sent(CONTENT, 206))), target)
    assert target.content == CONTENT
    wrong = ranged(CONTENT, "bytes 0-9/20")
    with pytest.raises(VerificationFailed, match=r"the range 'bytes 0-9/20' came .* has 10 bytes according to Graph"):
        fetch(play(script, (STAT, found(samples)), ("GET https://s/1", wrong), (STAT, found(samples))), Target())


def test_part_of_another_version_is_not_taken(script, samples):
    """All parts have the ETag of the first answer: half of the old version and half of the new would be neither."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", ranged(b"01234", "bytes 0-4/10", etag="v1"))),
        *(("GET https://s/1", ranged(b"XXXXX", "bytes 5-9/10", etag="v2")), (STAT, found(samples, 2))),
        ("GET https://s/2", ranged(b"56789", "bytes 5-9/10", etag="v1")),
    )
    links = downloads.Links(AT, driver.run(downloads.resolve(AT)))
    targets = [Target(0, 5), Target(5, 5)]
    for target in targets:
        driver.run(downloads.fetch(links, target.sink))
    assert [target.content[-5:] for target in targets] == [b"01234", b"56789"]
    assert links.content_etag == "v1"


@pytest.mark.parametrize("status", [200, 206])
def test_rest_of_another_version_is_an_error(script, samples, target, status):
    """If Graph's own eTag is still the same, nobody can tell which bytes are right; the file is not put together."""
    first = Sent(b"0123", 200, TransferCut(ServiceUnavailable("No answer came"), 4), {"etag": "v1"})
    content, content_range = (b"XXXXXX", "bytes 4-9/10") if status == 206 else (b"X" * 10, "")
    other = Sent(content, status, headers={"etag": "v2", "content-range": content_range})
    steps = (STAT, found(samples)), ("GET https://s/1", first)
    again = (STAT, found(samples)), ("GET https://s/1", other)
    with pytest.raises(VerificationFailed, match="a part of another version came"):
        fetch(play(script, *steps, *again, *again, (STAT, found(samples))), target)
    assert target.content == b"0123"


def test_part_without_an_etag_is_taken(script, samples):
    """Not every server says it."""
    answers = ranged(b"01234", "bytes 0-4/10", etag="v1"), ranged(b"56789", "bytes 5-9/10")
    driver = play(script, (STAT, found(samples)), *(("GET https://s/1", answer) for answer in answers))
    links = downloads.Links(AT, driver.run(downloads.resolve(AT)))
    for start in (0, 5):
        driver.run(downloads.fetch(links, Target(start, 5).sink))


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (Sent(b"0", 206), 10),
        (Sent(b"0", 206, headers={"content-range": "bytes 0-0/7", "content-length": "1"}), 7),
        (Sent(b"", 200, headers={"content-length": "10"}), 10),
        (Sent(b"", 200, headers={"content-length": "0"}), 0),
        (RangeNotSatisfiable("no first byte", status=416), 0),
    ],
)
def test_item_without_a_size_has_the_one_of_its_content(script, samples, answer, size):
    """Unknown is not 0: the storage is asked for the first byte, and its answer says how many there are."""
    driver = play(script, (STAT, found(samples, size=None)), ("GET https://s/1", answer))
    link = driver.run(downloads.resolve(AT))
    assert (link.size, link.item.size) == (size, size)
    assert (driver.last.headers, driver.last.preauthorized) == ({"Range": "bytes=0-0"}, True)


@pytest.mark.parametrize(
    "answer",
    [
        Sent(b"0", 206, headers={"content-range": "bytes 0-0/*"}),
        Sent(b"0", 206, headers={"content-length": "1"}),
        Sent(b"0", 206, headers={"content-range": "bytes=0-0/10"}),
        Sent(b"", 200, headers={}),
        Sent(b"", 200, headers={"content-length": "-1"}),
        Sent(b"", 200, headers={"content-length": "\u0663"}),
    ],
)
def test_item_whose_size_nobody_says_is_an_error(script, samples, answer):
    """It is not taken for an empty file."""
    driver = play(script, (STAT, found(samples, size=None)), ("GET https://s/1", answer))
    with pytest.raises(UnreadableAnswer, match="Neither Graph nor its storage says how large") as caught:
        driver.run(downloads.resolve(AT))
    assert (caught.value.field, caught.value.is_retryable) == ("size", True)


def test_item_without_a_size_is_fetched_whole(script, samples, target):
    """As many bytes as its storage says; a fresh link asks again."""
    nameless = (STAT, found(samples, size=None))
    driver = play(
        script,
        *(nameless, ("GET https://s/1", Sent(b"0", 206)), ("GET https://s/1", cut(b"0123"))),
        *(nameless, ("GET https://s/1", Sent(b"0", 206)), ("GET https://s/1", Sent(b"456789", 206))),
    )
    assert fetch(driver, target).size == 10
    assert target.content == CONTENT


def test_impossible_size_is_asked_for_like_a_missing_one(script, samples):
    """No file has fewer than 0 bytes."""
    driver = play(script, (STAT, found(samples, size=-1)), ("GET https://s/1", Sent(b"0", 206)))
    assert driver.run(downloads.resolve(AT)).size == 10


def test_item_without_a_size_and_a_link(script, samples):
    """The redirect of its content shows the link, and the link the size."""
    driver = play(
        script,
        (STAT, samples.ok(samples.file(content=CONTENT, size=None))),
        ("GET /drives/D/items/F/content", Response(302, {"location": "https://s/9"})),
        ("GET https://s/9", Sent(b"0", 206)),
    )
    assert driver.run(downloads.resolve(AT)).size == 10


def test_an_item_without_a_link(script, samples, target):
    """Where the item does not carry its link, the redirect of its content does."""
    driver = play(
        script,
        (STAT, samples.ok(samples.file(content=CONTENT))),
        ("GET /drives/D/items/F/content", Response(302, {"location": "https://s/9"})),
        ("GET https://s/9", Sent(CONTENT)),
    )
    assert fetch(driver, target).size == 10
    assert not driver.requests[1].preauthorized


def test_what_breaks_off_is_gone_on_with(script, samples, target):
    """After a cut the rest of the same version is fetched by Range through a fresh link, at once."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut(b"0123"))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(b"456789", 206))),
    )
    fetch(driver, target)
    assert (target.content, target.sink.hash.base64()) == (CONTENT, samples.hash(CONTENT))
    assert driver.last.headers == {"Range": "bytes=4-9", "If-Range": ETAG}
    assert driver.last.failures == 0


def test_a_part_of_a_file(script, samples):
    """A range asks for its own bytes, and goes on with what is missing of them."""
    target = Target(3, 4)
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut(b"34", 206))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(b"56", 206))),
    )
    fetch(driver, target)
    assert target.content == b"\0\0\0003456"
    assert [request.headers["Range"] for request in driver.requests if request.sink] == ["bytes=3-6", "bytes=5-6"]


def test_no_condition_without_an_etag(script, samples):
    """An item without eTag has nothing to compare."""
    driver = play(script, (STAT, found(samples, etag=None)), ("GET https://s/1", Sent(b"34", 206)))
    fetch(driver, Target(3, 2))
    assert driver.last.headers == {"Range": "bytes=3-4"}


def test_the_whole_in_place_of_the_rest(script, samples, target):
    """A 200 to a Range is the whole file from its beginning; it counts if the file is still the same version."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut(b"xyz"))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(CONTENT)), (STAT, found(samples, 3))),
    )
    fetch(driver, target)
    assert (target.content, target.sink.hash.base64()) == (CONTENT, samples.hash(CONTENT))


def test_the_whole_of_another_version(script, samples, target):
    """A 200 to a Range may mean that the file is another one, even of the same size."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut(b"xyz"))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(b"x" * 10)), (STAT, found(samples, 3, '"{F},2"'))),
    )
    with pytest.raises(SourceChanged, match=r"another version \(\"\{F\},2\" after \"\{F\},1\"\)"):
        fetch(driver, target)


def test_a_server_that_knows_other_etags(script, samples):
    """Where the condition fails although the file is the same, ranges are asked for without it."""
    target = Target(3, 4)
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", Sent(CONTENT))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(b"3456", 206))),
    )
    fetch(driver, target)
    assert target.content == b"\0\0\0003456"
    assert driver.last.headers == {"Range": "bytes=3-6"}


def test_a_server_that_knows_no_ranges(script, samples):
    """Who wants a part cannot use the whole, and is told so."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", Sent(CONTENT))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(CONTENT)), (STAT, found(samples, 3))),
    )
    with pytest.raises(RangeIgnored):
        fetch(driver, Target(3, 4))


def test_a_cut_before_the_first_byte(script, samples, target):
    """Where nothing has come there is no Range, and the driver waits a little."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", cut())),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(CONTENT))),
    )
    fetch(driver, target)
    assert target.content == CONTENT
    assert (driver.last.headers, driver.last.failures) == ({}, 1)


@pytest.mark.parametrize("change", [{"etag": '"{F},2"'}, {"item_id": "G"}])
def test_a_file_that_changed_meanwhile(script, samples, target, change):
    """Half of the old version and half of the new would be neither."""
    driver = play(
        script, (STAT, found(samples)), ("GET https://s/1", cut(b"0123")), (STAT, found(samples, 2, **change))
    )
    with pytest.raises(SourceChanged):
        fetch(driver, target)


@pytest.mark.parametrize("problem", [Unauthenticated, AccessDenied, ItemNotFound, RangeNotSatisfiable])
def test_a_link_that_expired(script, samples, target, problem):
    """401, 403, 404 and 416 of a link mean a fresh link, never a token."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", problem("expired"))),
        *((STAT, found(samples, 2)), ("GET https://s/2", Sent(CONTENT))),
    )
    fetch(driver, target)
    assert target.content == CONTENT
    assert driver.last.preauthorized


def test_one_fresh_link_serves_all_ranges(script, samples):
    """Whoever finds that another has renewed the link does not ask again."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", Unauthenticated("expired")), (STAT, found(samples, 2))),
        *(("GET https://s/2", Sent(b"01234", 206)), ("GET https://s/2", Sent(b"56789", 206))),
    )
    links = downloads.Links(AT, driver.run(downloads.resolve(AT)))
    for start in (0, 5):
        driver.run(downloads.fetch(links, Target(start, 5).sink))


@pytest.mark.parametrize(
    ("problem", "most"),
    [(TransferCut(ServiceUnavailable("No answer came"), 0), 7), (AccessDenied("no", status=403), 3)],
)
def test_failures_in_a_row(script, samples, target, problem, most):
    """After seven links that brought nothing, or three that were refused, the problem goes to the caller."""
    steps = [(STAT, found(samples)), ("GET https://s/1", problem)] * most
    driver = play(script, *steps, (STAT, found(samples)))
    with pytest.raises((AccessDenied, ServiceUnavailable)):
        fetch(driver, target)
    assert [request.failures for request in driver.requests if request.sink] == list(range(most))


def test_cuts_that_each_bring_something(script, samples, target):
    """A line that breaks again and again is slow, not dead."""
    steps = [(STAT, found(samples)), *((("GET https://s/1", cut())), (STAT, found(samples))) * 6]
    for number in range(9):
        steps += [("GET https://s/1", cut(CONTENT[number : number + 1], 206)), (STAT, found(samples))]
        steps += [("GET https://s/1", cut(status=206)), (STAT, found(samples))]
    fetch(play(script, *steps, ("GET https://s/1", Sent(b"9", 206))), target)
    assert target.content == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1], b""])
def test_fewer_bytes_than_graph_says(script, samples, target, content):
    """What ends too early is an error that tells both sizes."""
    driver = play(script, (STAT, found(samples)), ("GET https://s/1", Sent(content)), (STAT, found(samples)))
    with pytest.raises(
        VerificationFailed, match=f"{len(content)} bytes came, and the file has 10 bytes according to Graph"
    ):
        fetch(driver, target)


def test_more_bytes_than_graph_says(script, samples, target):
    """What is longer is an error as well."""
    driver = play(script, (STAT, found(samples)), ("GET https://s/1", Sent(CONTENT + b"x")), (STAT, found(samples)))
    with pytest.raises(
        VerificationFailed, match="more than 10 bytes came, and the file has 10 bytes according to Graph"
    ):
        fetch(driver, target)


def test_a_folder_has_no_content(script, samples):
    """A folder where a file is meant is an error before anything is fetched."""
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        script((STAT, samples.ok(samples.folder("a.csv")))).run(downloads.resolve(AT))


def test_another_version_than_expected(script, samples):
    """An expected eTag is compared before anything is fetched."""
    assert script((STAT, found(samples))).run(downloads.resolve(AT, expected_etag=ETAG)).item.etag == ETAG
    with pytest.raises(PreconditionFailed, match="and old was expected"):
        script((STAT, found(samples))).run(downloads.resolve(AT, expected_etag="old"))


def test_a_file_that_goes_meanwhile(script, samples, target):
    """A file deleted during its download is a missing file."""
    driver = play(
        script,
        *((STAT, found(samples)), ("GET https://s/1", ItemNotFound("gone"))),
        *[(STAT, ItemNotFound("gone")), ("GET /drives/d/root?$select=id", Response(200, {}, {"id": "R"}))] * 2,
        *listed_without_it(samples),
    )
    with pytest.raises(ItemNotFound):
        fetch(driver, target)


def test_a_drive_that_is_missing(script):
    """A missing drive is told from a missing file."""
    gone = ItemNotFound("gone")
    with pytest.raises(DriveNotFound):
        script((STAT, gone), *no_drive(gone, "/drives/d")).run(downloads.resolve(AT))


def test_other_errors_end_it(script, samples, target):
    """What a fresh link cannot cure is raised: the driver has tried enough."""
    driver = play(script, (STAT, found(samples)), ("GET https://s/1", ServiceUnavailable("no", status=503)))
    with pytest.raises(ServiceUnavailable):
        fetch(driver, target)


def test_a_link_is_not_shown(script, samples):
    """Whoever has a link may read the file."""
    link = script((STAT, found(samples, "SECRET"))).run(downloads.resolve(AT))
    assert "SECRET" not in repr(downloads.Links(AT, link))


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_link_that_is_refused_when_it_is_asked_for_the_size(script, samples, refusals):
    """The next link may work; three that were new are enough."""
    item = samples.file("a.csv", size=None)
    steps = []
    for number in range(refusals):
        url = f"https://s/{number}"
        steps += [(STAT, samples.ok({**item, "@microsoft.graph.downloadUrl": url}))]
        steps += [(f"GET {url}", Unauthenticated("no", status=401))]
    last = samples.ok({**item, "@microsoft.graph.downloadUrl": "https://s/9"})
    if refusals == 3:
        with pytest.raises(Unauthenticated):
            script(*steps).run(downloads.resolve(AT))
    else:
        driver = script(*steps, (STAT, last), ("GET https://s/9", RangeNotSatisfiable("x", status=416)))
        assert driver.run(downloads.resolve(AT)).size == 0
