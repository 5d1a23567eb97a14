"""The drive of a small company, as the demo finds it."""

from __future__ import annotations

import io
import random
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator import EmulatedDrive

MIB = 1024 * 1024
VIDEO_BYTES = 64 * MIB


def seed(drive: EmulatedDrive) -> None:
    for folder in ("Finance/Invoices/2026", "Contracts", "Marketing", "Empty folder"):
        drive.folder(folder)
    for path, content in small_files().items():
        drive.put(path, content)
    drive.put("Marketing/Product video.mp4", video())


def small_files() -> dict[str, bytes]:
    return {
        "Finance/Invoices/2026/January.csv": table({"Consulting": 1200, "Travel": 310}),
        "Finance/Invoices/2026/O'Brien Q1.csv": table({"Licences": 990, "Support": 450}),
        "Finance/Invoices/2026/100% #1 (ä)+.csv": table({"Größe L": 19, "Größe XL": 21}),
        "Finance/Budget 2026.xlsx": workbook(["Team", "Budget", "Sales", "50000"]),
        "Contracts/Lease Müller & Söhne.pdf": pdf("Lease, 3 rooms, Main Street 1"),
        "Marketing/Slogans + ideas #2.txt": b"Files where you need them\n",
    }


def table(amounts: dict[str, int]) -> bytes:
    lines = ["position,amount", *(f"{position},{amount}.00" for position, amount in amounts.items())]
    return "\n".join([*lines, ""]).encode()


def video() -> bytes:
    """Return some bytes of the size of a video; nobody will play it."""
    return random.Random(2026).randbytes(MIB) * (VIDEO_BYTES // MIB)


def pdf(text: str) -> bytes:
    """One page with one line of plain ASCII, with the table of offsets that readers look for."""
    stream = f"BT /F1 18 Tf 72 770 Td ({text}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 5 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(cells: list[str]) -> bytes:
    """Write the smallest .xlsx that spreadsheet programs open: one sheet with two columns of text."""
    rows = "".join(
        f"<row>{inline(left)}{inline(right)}</row>" for left, right in zip(cells[::2], cells[1::2], strict=True)
    )
    main = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{main}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{main}.worksheet+xml"/></Types>',
        "_rels/.rels": relationship(f"{OFFICE}/officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{SPREADSHEET}" xmlns:r="{OFFICE}">'
        '<sheets><sheet name="Budget" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationship(f"{OFFICE}/worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{xml}')
    return buffer.getvalue()


def inline(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def relationship(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{kind}" Target="{target}"/></Relationships>'
    )
