"""The ``webUrl`` of an Office file: the address of its editor, which names it by its GUID.

https://github.com/microsoftgraph/microsoft-graph-docs/issues/2796
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

from airflow_provider_onedrive.emulator.model.drive import Drive, Item

# Recorded: files that open in Excel have it too, CSV files among them.
_EDITED = frozenset({".csv", ".doc", ".docx", ".ppt", ".pptx", ".xls", ".xlsx"})


def is_edited(item: Item) -> bool:
    """Return True if an editor opens the item."""
    return not item.is_folder and PurePosixPath(item.name).suffix.lower() in _EDITED


def path(drive: Drive, item: Item) -> str:
    """Return the path and the query of an editor's address."""
    if drive.personality == "personal":
        return f"/personal/{drive.id}/_layouts/15/doc.aspx?resid={item.guid}&cid={drive.id}"
    return (
        f"{drive.library.web_path}/_layouts/15/Doc.aspx?sourcedoc=%7B{str(item.guid).upper()}%7D"
        f"&file={quote(item.name)}&action=default&mobileredirect=true"
    )
