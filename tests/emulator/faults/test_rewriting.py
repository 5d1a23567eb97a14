"""Rewriting of Office files, PDF and HTML by SharePoint."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from airflow_provider_onedrive.emulator.faults.rewriting import rewrite
from airflow_provider_onedrive.emulator.model.contents import Content

PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n"
    b"trailer\n<< /Size 2 /Root 1 0 R >>\nstartxref\n44\n%%EOF\n"
)


def _office(parts=1):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for number in range(parts):
            package.writestr(f"word/document{number}.xml", b"<a/>" * 100)
    return file.getvalue()


def _rewritten(name, data):
    content = rewrite(name, Content(data))
    assert content is not None
    return content.read()


@pytest.mark.parametrize("name", ["a.docx", "a.XLSX", "a.b.pptx"])
def test_office(name):
    """An Office file stays a valid one: it has all its parts and one more."""
    data = _office(3)
    package = zipfile.ZipFile(io.BytesIO(_rewritten(name, data)))
    assert package.testzip() is None
    assert package.namelist()[:-1] == zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert package.read("word/document0.xml") == b"<a/>" * 100


@pytest.mark.parametrize(("name", "data"), [("a.docx", _office()), ("a.pdf", PDF), ("a.html", b"<html></html>")])
def test_growth(name, data):
    """The growth is the same each time, for every file of the kind, and again for a file that was rewritten before."""
    once = _rewritten(name, data)
    assert once == _rewritten(name, data) != data
    grown = len(once) - len(data)
    assert len(_rewritten(name, once)) - len(once) == grown > 0
    if name == "a.docx":
        assert len(_rewritten(name, _office(9))) - len(_office(9)) == grown


def test_pdf():
    """A PDF keeps its beginning and ends in one more update with the same table."""
    data = _rewritten("a.pdf", PDF)
    assert data.startswith(PDF)
    assert data.endswith(b"%%EOF\n")
    assert [int(number) for number in re.findall(rb"startxref\n(\d+)\n%%EOF", data)] == [44, 44]


def test_html():
    """An HTML file gets a comment."""
    assert re.fullmatch(rb"<html></html>\n<!-- [^-]* -->\n", _rewritten("a.htm", b"<html></html>"))


@pytest.mark.parametrize(
    ("name", "data"), [("a.csv", b"a,b"), ("a.docx", b"no zip"), ("a.pdf", b"no pdf"), ("a.html", b""), ("html", b"x")]
)
def test_left_alone(name, data):
    """Other files stay unchanged, and so does a file whose content does not fit its name."""
    assert rewrite(name, Content(data)) is None


def test_large_file():
    """A large file is not held in memory, and rewritten all the same."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("a.bin", b"x" * 6_000_000)
    package = zipfile.ZipFile(io.BytesIO(_rewritten("a.docx", file.getvalue())))
    assert len(package.read("a.bin")) == 6_000_000
