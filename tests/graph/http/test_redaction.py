"""URLs stay out of what the HTTP libraries log."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_onedrive.graph.http.redaction import CutUrls, cut_urls_in_logs

UPLOAD = "https://c-my.sharepoint.com/personal/a/_api/v2.0/uploadSession?guid='1'&overwrite=True&tempauth=SECRET"


def shown(message: str, *args: object) -> str:
    record = logging.LogRecord("httpx", logging.INFO, __file__, 1, message, args, None)
    assert CutUrls().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    "url",
    [
        UPLOAD,
        "https://c.sharepoint.com/_layouts/15/download.aspx?UniqueId=1&tempauth=SECRET",
        "https://c.sharepoint.com?SECRET",
        "https://c.sharepoint.com#SECRET",
        "HTTPS://c.sharepoint.com/SECRET",
        "http://anna:SECRET@proxy.example:3128/",
        "https://c.sharepoint.com/a\\SECRET",
        'https://c.sharepoint.com/a"SECRET',
    ],
)
def test_a_url_is_cut_to_its_host(url):
    """Path and query of a URL may be a secret, quotes in it or not."""
    assert "SECRET" not in shown('HTTP Request: %s %s "%s"', "PUT", url, "HTTP/1.1 202 Accepted")
    assert "SECRET" not in shown("headers=[(b'Location', %r), (b'Date', b'Mon')]", url.encode())
    assert "SECRET" not in shown("%r", {"url": url})


def test_host_and_the_rest_stay():
    """What helps to find an error stays readable."""
    text = shown('HTTP Request: %s %s "%s"', "GET", "https://graph.microsoft.com/v1.0/me?x=1", "HTTP/1.1 200 OK")
    assert text.startswith("HTTP Request: GET https://graph.microsoft.com/")
    assert text.endswith('"HTTP/1.1 200 OK"')
    assert shown("connect_tcp.started host=%r", "localhost") == "connect_tcp.started host='localhost'"


def test_putting_it_in_place_twice():
    """Each logger that writes has the filter, and has it once."""
    cut_urls_in_logs()
    cut_urls_in_logs()
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
        assert len([each for each in logging.getLogger(name).filters if isinstance(each, CutUrls)]) == 1
