"""Which handler answers which path and method, below an item and below a drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import checkouts, previews, requests, versions
from airflow_provider_onedrive.emulator.items import permissions as item_permissions
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.server.handlers import Handlers

Handler = Callable[[Call], Reply]
ItemRoutes = Mapping[tuple[str, ...], Mapping[str, Handler]]
DriveRoutes = Mapping[str, Handler]

# Matches one segment of any text; a handler reads it in ``call.tail``.
ANY = "*"


def item_routes(handlers: Handlers) -> ItemRoutes:
    """Return the handlers by the segments that follow an item's address, then by method."""
    items, permissions = handlers.item_requests, handlers.permissions
    return {
        (): {"GET": items.get, "PATCH": items.update, "PUT": handlers.commits.put, "DELETE": requests.delete},
        ("children",): {"GET": handlers.children.get, "POST": handlers.children.create_folder},
        ("content",): {"GET": handlers.content.get, "PUT": handlers.content.put},
        ("createUploadSession",): {"POST": handlers.uploads.create},
        ("permanentDelete",): {"POST": requests.delete_permanently},
        ("copy",): {"POST": handlers.copies.create},
        ("search",): {"GET": handlers.search.get},
        ("thumbnails",): {"GET": previews.thumbnails},
        ("preview",): {"POST": handlers.previews.preview},
        ("restore",): {"POST": handlers.recycling.restore},
        ("checkout",): {"POST": checkouts.begin},
        ("checkin",): {"POST": checkouts.end},
        ("discardCheckout",): {"POST": checkouts.discard},
        ("permissions",): {"GET": permissions.get_all},
        ("permissions", ANY): {
            "GET": permissions.get,
            "PATCH": permissions.update,
            "DELETE": item_permissions.delete,
        },
        ("createLink",): {"POST": permissions.create_link},
        ("invite",): {"POST": permissions.invite},
        ("delta",): {"GET": handlers.delta.get},
        ("listItem",): {"GET": handlers.list_items.get},
        ("listItem", "fields"): {"GET": handlers.list_items.get_fields, "PATCH": handlers.list_items.change_fields},
        ("versions",): {"GET": versions.get_all},
        ("versions", ANY): {"GET": versions.get, "DELETE": versions.delete},
        ("versions", ANY, "content"): {"GET": handlers.versions.get_content},
        ("versions", ANY, "restoreVersion"): {"POST": versions.restore},
    }


def drive_routes(handlers: Handlers) -> DriveRoutes:
    """Return the handlers of a drive that are not those of an item, by the only segment that follows the drive."""
    return {
        "recent": handlers.shared_with_me.get,
        "sharedWithMe": handlers.shared_with_me.get,
        "special": handlers.special_folders.get_all,
    }
