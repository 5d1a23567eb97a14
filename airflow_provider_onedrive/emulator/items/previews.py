"""Thumbnails and previews, without a look into the content: no pictures, and the item's own page.

https://learn.microsoft.com/graph/api/driveitem-list-thumbnails
https://learn.microsoft.com/graph/api/driveitem-preview
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import invalid_request
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.views import ItemViews


def thumbnails(call: Call) -> Reply:
    """Answer as for a file that the service has no picture of."""
    with call.drive.lock:
        call.item()
    context = f"{call.request.graph_url}/v1.0/$metadata#Collection(thumbnailSet)"
    return json_reply(200, {"@odata.context": context, "value": []})


@dataclass(frozen=True)
class Previews:
    """Answers requests for previews."""

    views: ItemViews

    def preview(self, call: Call) -> Reply:
        """Answer with the item's own page."""
        with call.drive.lock:
            item = call.item()
            if item.is_folder:
                raise invalid_request("A folder has no preview.")
            url = self.views.web_url(call.drive, item)
        context = f"{call.request.graph_url}/v1.0/$metadata#microsoft.graph.itemPreviewInfo"
        return json_reply(200, {"@odata.context": context, "getUrl": url})
