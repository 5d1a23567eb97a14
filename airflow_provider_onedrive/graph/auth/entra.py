"""Turns the answers of Entra that hold no token into errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive.graph.auth.aadsts import ADVICE, CLAIMS, advice_for, code_in
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
)
from airflow_provider_onedrive.graph.protocol.redaction import without_urls
from airflow_provider_onedrive.graph.protocol.refusals import retry_after_seconds, text_or_none

_TOO_MANY = 429


def is_retryable(status: int) -> bool:
    """Whether a later request may succeed. msal would treat this answer as final, and cache it for up to an hour."""
    return status in (408, _TOO_MANY) or status >= 500  # noqa: PLR2004 - HTTP's own


def unavailable(status: int, headers: Mapping[str, str]) -> GraphError:
    kind = Throttled if status == _TOO_MANY else ServiceUnavailable
    return kind(
        f"Entra answered {status} when asked for a token",
        status=status,
        retry_after_seconds=retry_after_seconds(headers),
        was_sent=False,
    )


def unreachable(host: str, reason: str, advice: str | None = None) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{host} did not answer when asked for a token: {without_urls(reason)}", was_sent=False, advice=advice
    )


def not_entra(authority_url: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"The answer of {urlsplit(authority_url).hostname} to a request for a token is not Entra's",
        was_sent=False,
        advice="Check for a proxy or a sign-in page between this machine and it.",
    )


def refused(answer: Mapping[str, Any]) -> GraphError:
    code: str | None = text_or_none(answer.get("error"))
    text = text_or_none(answer.get("error_description")) or code or "no reason given"
    # The only refusal that a later attempt may not meet.
    if code == "temporarily_unavailable":
        return ServiceUnavailable(f"Entra gave no token: {first_line(text)}", was_sent=False)
    usual = CLAIMS if answer.get("claims") else SignInFailed.default_advice
    advice = advice_for(text, usual) if code_in(text) or answer.get("claims") else ADVICE["90002"]
    return SignInFailed(
        f"Entra gave no token: {first_line(text)}",
        code=code,
        request_id=text_or_none(answer.get("correlation_id")),
        was_sent=False,
        advice=advice,
    )


def no_such_authority(text: str, settings: Settings) -> SignInFailed:
    # msal raises a bare ValueError, in whose text the answer of Entra stands.
    described = re.search(r"AADSTS\d+: [^\"\\]+", text)
    host = urlsplit(settings.authority_url).hostname
    reason = described.group() if described else f"{host} knows no tenant {settings.tenant_id!r}"
    advice = advice_for(reason, SignInFailed.default_advice) if described else ADVICE["90002"]
    return SignInFailed(f"Entra gave no token: {first_line(reason)}", was_sent=False, advice=advice)


def first_line(text: str) -> str:
    # Entra appends its trace id, correlation id and time.
    return without_urls(re.split(r"[\r\n]| Trace ID:", text)[0]).strip()
