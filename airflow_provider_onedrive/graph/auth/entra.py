"""What comes of asking Entra for a token, as errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive.graph.auth.aadsts import ADVICE, advice_for, code_in
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    retry_after_seconds,
    without_urls,
)

_TOO_MANY = 429


def is_retryable(status: int) -> bool:
    """Return whether a later request may get another answer; msal would take this one for final, and cache it."""
    return status in (408, _TOO_MANY) or status >= 500  # noqa: PLR2004 - HTTP's own


def passing(status: int, headers: Mapping[str, str]) -> GraphError:
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
        f"What {urlsplit(authority_url).hostname} answered when asked for a token is not Entra's",
        was_sent=False,
        advice="Is there a proxy or a sign-in page on the way?",
    )


def refused(answer: Mapping[str, Any]) -> GraphError:
    text = str(answer.get("error_description") or answer.get("error") or "no reason given")
    if answer.get("error") == "temporarily_unavailable":
        return ServiceUnavailable(f"Entra gave no token: {first_line(text)}", was_sent=False)
    advice = advice_for(text, SignInFailed.default_advice) if code_in(text) else ADVICE["90002"]
    return SignInFailed(
        f"Entra gave no token: {first_line(text)}",
        code=answer.get("error"),
        request_id=answer.get("correlation_id"),
        was_sent=False,
        advice=advice,
    )


def no_such_authority(text: str, settings: Settings) -> SignInFailed:
    found = re.search(r"AADSTS\d+: [^\"\\]+", text)
    host = urlsplit(settings.authority_url).hostname
    reason = found.group() if found else f"{host} knows no tenant {settings.tenant_id!r}"
    advice = advice_for(reason, SignInFailed.default_advice) if found else ADVICE["90002"]
    return SignInFailed(f"Entra gave no token: {first_line(reason)}", was_sent=False, advice=advice)


def first_line(text: str) -> str:
    return without_urls(re.split(r"[\r\n]| Trace ID:", text)[0]).strip()
