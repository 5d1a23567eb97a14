"""Special folders: they are found by their purpose and not by their name.

https://learn.microsoft.com/graph/api/drive-get-specialfolder
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import invalid_request, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

APP_ROOT = "approot"
_FOLDERS = {
    "documents": ("Documents",),
    "photos": ("Pictures",),
    "cameraroll": ("Pictures", "Camera Roll"),
    "music": ("Music",),
    APP_ROOT: ("Apps",),
}
# Documented: work or school supports approot, documents and photos only.
_BUSINESS = frozenset({APP_ROOT, "documents", "photos"})


@dataclass(frozen=True)
class SpecialFolders:
    """Finds special folders."""

    authorization: Authorization
    projection: Projection

    def resolve(self, token: Token, drive: Drive, segments: list[str]) -> list[str]:
        """Replace ``special/{name}`` by the id of the folder. A missing folder is created if the caller may write."""
        if segments[:1] != ["special"] or len(segments) == 1:
            return segments
        name, colon, encoded = segments[1].partition(":")
        item = self._find(token, drive, name.lower())
        return ["items", f"{item.id}{colon}{encoded}", *segments[2:]]

    def get_all(self, call: Call) -> Reply:
        """Answer with those that exist."""
        with call.drive.lock:
            folders = [item for item in call.drive.root.walk() if item.special]
            value = [self.projection.show(call.drive, item, call.request) for item in folders]
        return json_reply(200, {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#special", "value": value})

    def _find(self, token: Token, drive: Drive, name: str) -> Item:
        if name not in (_FOLDERS if drive.personality == "personal" else _BUSINESS):
            raise invalid_request("The special folder identifier isn't valid")
        names = _FOLDERS[name] + ((_application(token),) if name == APP_ROOT else ())
        with drive.lock:
            item = drive.resolve(drive.root, names)
            if item is None or item.special != name:
                item = _elsewhere(drive, name, names[-1]) or self._make(token, drive, name, names)
            return item

    def _make(self, token: Token, drive: Drive, name: str, names: tuple[str, ...]) -> Item:
        # A missing folder is created only for a caller that may write; for others it is 404.
        if drive.deny or not self.authorization.may(token, drive, is_writing=True):
            raise missing_item()
        with drive.change() as change:
            folder = drive.root
            for each in names:
                folder = folder.child(each) or drive.add_folder(folder, each, token.identity)
            change.edit(folder)
            folder.special = name
        return folder


def _elsewhere(drive: Drive, name: str, own_name: str) -> Item | None:
    """Find a special folder that was renamed or moved. Each application has its own approot."""
    candidates = (item for item in drive.root.walk() if item.special == name)
    return next((item for item in candidates if name != APP_ROOT or item.name == own_name), None)


def _application(token: Token) -> str:
    return token.application_name.strip(" .") or "Application"
