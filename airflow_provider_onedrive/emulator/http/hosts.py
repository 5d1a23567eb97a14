"""The host names under which the emulator answers browsers.

A page on the Internet may resolve its own name to 127.0.0.1 (DNS rebinding) and read the answers that a browser
receives there. Such a request has the other name as its ``Host``. It is refused wherever no token is required.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Request

LOCAL = frozenset({"localhost", "127.0.0.1"})
# The link-local address of the metadata service: clients name it even if they connect elsewhere.
METADATA_SERVICE = "169.254.169.254"
_HOST = re.compile(r"([a-z0-9._-]{1,253})(:\d{1,5})?", re.ASCII)


def check(request: Request, *expected: str) -> None:
    """Refuse a request that names another host than this machine or one of ``expected``."""
    if name(request.headers.get_all("Host", [])) not in LOCAL | {host.lower() for host in expected}:
        raise Problem(
            421,
            "misdirectedRequest",
            "This address answers to localhost and to the name that was given to --host, and to no other.",
        )


def name(headers: Collection[str]) -> str | None:
    """Return the one host that is named, without its port."""
    match = _HOST.fullmatch("".join(headers).strip().lower()) if len(headers) == 1 else None
    # Two Host headers are refused: a proxy and the emulator might read different ones.
    return match[1] if match else None


def is_name(text: str) -> bool:
    """Return True if a text can be a host name or an IPv4 address that other machines reach."""
    return _HOST.fullmatch(text.lower()) is not None and ":" not in text and text != "0.0.0.0"
