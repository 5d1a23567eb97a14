"""One request of Graph that no method makes, under the rules of the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.allowlist import is_permanent
from airflow_provider_onedrive.graph.protocol.addresses import query_of
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.messages import READING_METHODS, Flow, Repeat, Request

_OURS = ("authorization", "host")


def raw_request(
    settings: Settings,
    method: str,
    path: str,
    *,
    json: Any = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Flow[Any]:
    """Ask Graph, and return the JSON of its answer; None if it has no body.

    :raises ConfigurationError: if the path leads elsewhere, or if ``allowed_locations`` cannot be checked.
    """
    verb = method.upper()
    for names in path.partition("?")[0].split(":/")[1::2]:
        hidden_names.add_path(names)
    hidden_names.add_answer(json)
    if settings.allowed_locations:
        raise ConfigurationError(
            "The connection allows some locations only, and nobody can tell which of them a raw request touches.",
            advice="Use another method of the client, or a connection whose field allowed_locations is empty.",
        )
    if settings.policy.max_delete is not None and _may_delete(verb, path):
        raise ConfigurationError(
            "The deployment's option [onedrive] max_delete is set, and nobody can tell how much a raw request deletes; "
            "it was not sent.",
            advice="Use the methods delete or delete_all, or ask the administrator of this Airflow.",
        )
    if not path.startswith(("/", f"{settings.graph_url}/")):
        raise ConfigurationError(
            f"path {path.partition('?')[0]!r} is not on the connection's Graph.",
            advice="Write it as in Microsoft's documentation, such as '/me/drive', or pass an '@odata.nextLink'.",
        )
    if own := [name for name in headers or {} if name.lower() in _OURS]:
        raise ConfigurationError(f"headers has {own[0]!r}, which the client sets.", advice="Leave it out.")
    query = f"{'&' if '?' in path else '?'}{query_of(params)}" if params else ""
    # Nobody knows what another request does, so it is never sent twice unless Graph surely refused it.
    repeat = Repeat.ALWAYS if verb in READING_METHODS else Repeat.IF_REFUSED
    response = yield Request(verb, path + query, headers=headers or {}, json=json, repeat=repeat, takes_any_json=True)
    return response.json


def _may_delete(verb: str, path: str) -> bool:
    is_batch = path.partition("?")[0].rstrip("/").endswith("$batch")
    return is_batch or verb == "DELETE" or is_permanent(Request(verb, path))
