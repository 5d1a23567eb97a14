"""A file in another format: a PDF of one page that names the original file.

https://learn.microsoft.com/graph/api/driveitem-get-content-format
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.model.drive import Item

_SOURCES = frozenset(
    "csv doc docx odp ods odt pot potm potx pps ppsx ppsxm ppt pptm pptx rtf xls xlsx".split()  # noqa: SIM905
)
PDF = "application/pdf"


def check(item: Item, target: str) -> None:
    """Raise 406 for a format that the service does not convert to."""
    if target.lower() != "pdf" or item.name.rpartition(".")[2].lower() not in _SOURCES:
        raise Problem(
            406, "notSupported", f"The file cannot be converted to '{target[:50]}'.", inner="invalidFileFormat"
        )


def pdf(title: str) -> bytes:
    """Return a whole and valid document, always the same for the same title."""
    text = title.encode("latin-1", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    drawing = b"BT /F1 18 Tf 72 720 Td (" + text + b") Tj ET"
    return _document(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources "
        b"<< /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )


# A minimal PDF by hand: no library, and readable by every viewer.
def _document(*objects: bytes) -> bytes:
    data, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, count = len(data), len(objects) + 1
    data += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    data += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(data)
