"""Every kind of request that the client makes: as a rule of the emulator finds it, and all of them in a row."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions

TOKEN = {"operation": "token"}
STAT = {"operation": "get", "path": r"root:/x/a\.bin$"}
CHILDREN = {"operation": "children"}
FOLDER = {"operation": "create_folder"}
PUT = {"operation": "upload"}
SESSION = {"operation": "create_session"}
FRAGMENT = {"operation": "fragment"}
DOWNLOAD = {"operation": "download"}
DELETE = {"operation": "delete"}
EVERY = [STAT, CHILDREN, SESSION, FRAGMENT, DOWNLOAD, DELETE, TOKEN, FOLDER, PUT]
IN_SESSION = UploadOptions(single_put_bytes=UNIT_BYTES)
"""So that a file need not be large for an upload session."""
LARGE = hashlib.shake_128(b"large").digest(UNIT_BYTES + 1)
SMALL = b"a,b\n1,2\n"


def name_of(value: object) -> str | None:
    return value["operation"] if isinstance(value, dict) else None


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def everything(client: Any, drive: Any, tmp_path: Path) -> None:
    """Use every kind of request, and see that each did exactly what it should."""
    assert client.upload("myfiles/x/s.csv", content=SMALL, create_folders=True).size == len(SMALL)
    assert client.upload("myfiles/x/a.bin", content=LARGE, options=IN_SESSION).size == len(LARGE)
    assert client.stat("myfiles/x/a.bin").size == len(LARGE)
    assert sorted(item.name for item in client.children("myfiles/x")) == ["a.bin", "s.csv"]
    client.download("myfiles/x/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == LARGE == drive.read("x/a.bin")
    assert drive.read("x/s.csv") == SMALL
    assert drive.version_count("x/a.bin") == drive.version_count("x/s.csv") == 1
    assert [item.name for item in client.delete("myfiles/x/a.bin")] == ["a.bin"]
    assert drive.paths() == ["x/", "x/s.csv"]
    assert listed(tmp_path) == ["a.bin"]
