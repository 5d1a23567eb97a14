"""The quirk of ``webUrl``: that of an Office file is the address of its editor, which names it by its GUID.

https://github.com/microsoftgraph/microsoft-graph-docs/issues/2796
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.tenant import Tenant

# Recorded: files that open in Excel have it too, CSV files among them.
_EDITED = frozenset({".csv", ".doc", ".docx", ".ppt", ".pptx", ".xls", ".xlsx"})
# Recorded: delta and searches name the file itself.
_PLAIN = frozenset({"delta", "search"})
_GUID = re.compile(r"\{([0-9A-F-]{36})\}")


@dataclass(frozen=True)
class EditorAddresses:
    """Writes the address of the editor into answers."""

    quirks: Quirks
    tenant: Tenant

    def apply(self, request: Request, files: Iterable[dict[str, Any]]) -> bool:
        """Change the addresses of files, and return True if one is another now."""
        if not self.quirks.editor_addresses or request.operation in _PLAIN:
            return False
        return True in {self._apply(each) for each in files}  # of each, so not any(), which would stop at the first

    def _apply(self, file: dict[str, Any]) -> bool:
        drive = self.tenant.drive(str((file.get("parentReference") or {}).get("driveId")))
        guid = _GUID.search(str(file.get("eTag")))
        is_edited = PurePosixPath(str(file.get("name"))).suffix.lower() in _EDITED
        if drive is None or guid is None or not is_edited or "webUrl" not in file:
            return False
        origin = "/".join(file["webUrl"].split("/")[:3])
        file["webUrl"] = origin + editor_path(drive, guid.group(1), file["name"])
        return True


def editor_path(drive: Drive, guid: str, name: str) -> str:
    """Return the path and the query of an editor's address."""
    if drive.personality == "personal":
        return f"/personal/{drive.id}/_layouts/15/doc.aspx?resid={guid.lower()}&cid={drive.id}"
    return (
        f"{drive.library.web_path}/_layouts/15/Doc.aspx?sourcedoc=%7B{guid}%7D&file={quote(name)}"
        "&action=default&mobileredirect=true"
    )
