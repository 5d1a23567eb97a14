"""Texts are shown without secrets, and without anything that a terminal would obey."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.graph.content.filters import split_location
from airflow_provider_onedrive.graph.protocol.errors import BadRequest, LocationError, error_from_dict
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.names import NAME_POLICIES
from airflow_provider_onedrive.graph.protocol.redaction import (
    has_link,
    printable,
    without_links,
    without_secret,
    without_urls,
)
from airflow_provider_onedrive.graph.protocol.refusals import error_from

LINKS = (
    "https://contoso.sharepoint.com/:f:/s/Fin/SECRET?e=SECRET",
    "http://contoso.sharepoint.com/:x:/g/personal/a/SECRET",
    "contoso.sharepoint.com/:FL:/t/SECRET",
    "https%3A%2F%2Fcontoso.sharepoint.com%2F%3Af%3A%2Fs%2FFin%2FSECRET",
    "https://1drv.ms/f/c/1/SECRET",
    "1drv.ms%2Ff%2FSECRET",
    "https://h/personal/a/_layouts/15/guestaccess.aspx?share=SECRET",
    "https://h/_layouts/15/download.aspx?UniqueId=1&tempauth=SECRET",
    "https://onedrive.live.com/?id=1&authkey=!SECRET",
    "https://onedrive.live.com/?a=1&redeem=SECRET",
    "/shares/u!aHR0cHM6LySECRET/driveItem",
    "https://1drv.m/f/s!AbCdEfGhIjKlMnOpSECRET",
    "https://1drv.rns/x/c/15f7f966231f6340/ESECRET",
)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("around", ["{}", "before {} after", "it's '{}'.", '"{}"', "({})"])
def test_link_is_cut_wherever_it_stands(link, around):
    """In a sentence it ends at the next blank or quote, and the rest of the sentence stays."""
    text = around.format(link)
    assert has_link(text)
    assert "SECRET" not in without_links(text) + without_secret(text)
    assert without_links(text).startswith(around.partition("{")[0])
    assert " after" in without_links(text) or "after" not in text
    assert without_links(without_links(text)) == without_links(text)


@pytest.mark.parametrize(
    "text",
    [
        "myfiles/a:b/c.csv",
        "https://contoso.sharepoint.com/:x:/r/sites/Fin/Docs/a.csv?d=w1&csf=1&web=1",
        "https://learn.microsoft.com/en-us/graph/errors",
        "s3://conn@bucket/share=1/redeem.csv",
        "u!nimportant",
        "myfiles/a/s!short/b/c/2026/x.csv",
        "https://contoso.sharepoint.com/ (sharing link)",
    ],
)
def test_other_texts_stay(text):
    """An address of an item is not a secret."""
    assert without_links(text) == text
    assert not has_link(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Cannot read https://h/x?tempauth=SECRET now", "Cannot read (URL) now"),
        ("Bearer SECRETSECRETSECRET1 is old", "(secret) is old"),
        ("token eyJ0eXAiOiJKV1QiLCJhbGciOi.SECRET.SECRET", "token (secret)"),
        ("tempauth=SECRET", "(secret)"),
        ("one\r\ntwo\tthree", "one two\\tthree"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("a" * 5000, "a" * 2000 + "…"),
    ],
)
def test_text_of_others(text, kept):
    """Neither URLs nor tokens, in one line, and not endless."""
    assert without_urls(text) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\x9b31mb\x7f", "a\\x9b31mb\\x7f"),
        ("gnp.\u202etxt.exe", "gnp.\\u202etxt.exe"),
        ("a\nb\u2028c", "a\\nb\\u2028c"),
        ("\udce9", "\\udce9"),
        (
            "Überblick 報告\u3000書 👩\u200d👩\u200d👧 \u0645\u06cc\u200c\u062e\u0648",
            "Überblick 報告\u3000書 👩\u200d👩\u200d👧 \u0645\u06cc\u200c\u062e\u0648",
        ),
    ],
)
def test_terminal_finds_nothing_to_obey(text, shown):
    """Control characters and those that turn the direction of writing are written out; words of any script stay."""
    assert printable(text) == shown


@pytest.mark.parametrize("link", LINKS)
def test_error_shows_no_link(link):
    """Whatever a message, an advice or a location quotes, and on its way through a trigger's event."""
    error = LocationError(f"regex {link!r} cannot be read.", advice=f"Write {link} otherwise.").about("list", link)
    for each in (error, error.with_advice(f"No {link}"), error_from_dict(error.to_dict())):
        assert "SECRET" not in f"{each} {each!r} {each.to_dict()} {vars(each)} {each.args}"
    assert "SECRET" not in f"{BadRequest('x', path=link, code=link)}"


def test_code_of_an_answer_is_filtered_like_its_message():
    """A proxy on the way writes what it likes into an answer."""
    evil = "\x1b[31mx\n https://h/x?tempauth=SECRET Bearer SECRETSECRETSECRET"
    body = {"error": {"code": evil, "message": evil, "innerError": {"code": evil}}}
    error = error_from(400, {"request-id": evil}, body, method="GET", path="/me/drive")
    for text in (error.message, error.code, error.inner_code, error.request_id, str(error), repr(error.to_dict())):
        assert "SECRET" not in str(text)
        assert "\x1b" not in str(text)
        assert "\n" not in str(text)
    assert error_from(400, {}, {"error": {"code": "invalidRequest"}}, method="GET", path="/").code == "invalidRequest"


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("damage", ["{}", "myfiles/{}", "{}/*.csv", ">{}", " {} ", "x {}", "{}<", "{}|", "{}\n"])
def test_reading_a_damaged_link_shows_nothing_of_it(link, damage):
    """As a location, a name, a pattern or a part of them; a repaired name is no link any more, and is not shown."""
    text = damage.format(link)
    for parser in map(LocationParser, NAME_POLICIES):
        folder, pattern = split_location(text)
        for read in (
            lambda: parser.parse(text),  # noqa: B023 - called at once
            lambda: parser.parse(folder),  # noqa: B023
            lambda: parser.pattern(pattern or text),  # noqa: B023
            lambda: parser.upload_target("myfiles/", text),  # noqa: B023
            lambda: parser.upload_target(text, None, "a.csv"),  # noqa: B023
            lambda: parser.destination(text, None),  # noqa: B023
            lambda: parser.new_folder(text),  # noqa: B023
        ):
            try:
                read()
            except LocationError as error:
                assert "SECRET" not in f"{error} {error.to_dict()}"  # noqa: PT017 - either way is right


def test_colon_at_the_end_of_a_name_is_no_scheme():
    """With ``name_policy`` = replace such a name is read, and a pattern below it is one."""
    assert split_location("myfiles/run:/*.csv") == ("myfiles/run:/", "*.csv")
    assert without_secret("myfiles/run:/a.csv") == "myfiles/run:/a.csv"
