"""The least that something can cost: requests without a client around them. It reads its work and prints its cost."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import sys
import time
from typing import Any
from urllib.parse import urlsplit

_NEXT = re.compile(rb'"@odata.nextLink": ?"([^"]+)"')


def pages(facts: dict[str, Any], folder: str) -> int:
    """Fetch all pages of a listing over one connection, and read nothing of them but where the next one is."""
    address = urlsplit(facts["graph_url"])
    context = ssl.create_default_context(cadata=facts["ca"])
    connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=60)
    headers = {"Authorization": f"Bearer {facts['token']}"}
    target, count = f"/v1.0/drives/{facts['drive_id']}/root:/{folder}:/children?$top=1000", 0
    while target:
        connection.request("GET", target, headers=headers)
        page, count = connection.getresponse().read(), count + 1
        found = _NEXT.search(page)
        target = found[1].decode().removeprefix(facts["graph_url"]) if found else ""
    connection.close()
    return count


def main() -> None:
    work = json.loads(sys.stdin.read())
    began, used = time.perf_counter(), time.process_time()
    pages(work["facts"], work["folder"])
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_bytes": 0}))


if __name__ == "__main__":
    main()
