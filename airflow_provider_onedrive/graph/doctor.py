"""Examines a connection step by step, and reports what is wrong with it and who has to correct it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive.graph.auth import permissions
from airflow_provider_onedrive.graph.auth.aadsts import code_in
from airflow_provider_onedrive.graph.auth.identities import claims_of
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.downloads import Link, link_of
from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, Visit, read_page
from airflow_provider_onedrive.graph.http.cooldown import SharedBackoff, identity_of
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.fields import seconds
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy
from airflow_provider_onedrive.graph.protocol.times import read_http_date

_TIMEOUT_SECONDS = 10.0
_CLOCK_SECONDS = 60
_SOON_DAYS = 30
_NO_CONSENT = "65001"  # AADSTS65001: neither the user nor an administrator has consented to the app
# A person waits for the findings, so an unreachable host must not take the minutes that a transfer would wait.
_QUICK = RetryPolicy(max_attempts=2, max_wait_seconds=5)


@dataclass(frozen=True)
class Finding:
    """The result of one step.

    :param state: ``ok``, ``warning``, ``failed`` or ``skipped``.
    :param advice: what to do about it, and who has to.
    """

    step: str
    state: str
    text: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.step}: {self.text}" + (f" {self.advice}" if self.advice else "")


def examine(
    settings: Settings,
    *,
    write: bool = False,
    cool_down_folder: Path | None = None,
    clear_pause: bool = False,
    now: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Yield a finding for each thing that a connection needs. It raises no error and shows no secret.

    :param write: also create a small file in ``myfiles``, and delete it.
    :param cool_down_folder: the folder of the pause that the processes of this host share; None looks at none.
    :param clear_pause: end the pause first.
    :param now: returns the time of this machine, in seconds since the epoch.
    """
    # A firewall that drops packets makes each step wait for this long.
    quick = replace(settings, timeout_seconds=min(settings.timeout_seconds, _TIMEOUT_SECONDS))
    client = _tried("connection", lambda: Client(quick, cool_down_folder=cool_down_folder))
    if isinstance(client, Finding):
        yield client
        return
    with client:
        client.retry_policy = _QUICK
        pause = yield from _pause(SharedBackoff(identity_of(settings), cool_down_folder), clear=clear_pause)
        # Graph counts requests during a pause as well, so it gets none; Entra has limits of its own.
        yield from _Doctor(client, now).examine(write=write, may_ask_graph=pause <= _QUICK.max_wait_seconds)


def _pause(backoff: SharedBackoff, *, clear: bool) -> Generator[Finding, None, float]:
    """Show or clear the pause that all tasks of the application keep; return the seconds that are left of it."""
    step, left = "pause", backoff.left_seconds()
    until = datetime.fromtimestamp(time.time() + left, UTC)
    if clear:
        backoff.clear()
        yield Finding(
            step, "ok", f"The pause until {until:%Y-%m-%d %H:%M:%S} UTC was ended." if left else "There was none."
        )
        return backoff.left_seconds()
    if left:
        yield Finding(
            step,
            "failed" if left > _QUICK.max_wait_seconds else "warning",
            f"A pause is in force until {until:%Y-%m-%d %H:%M:%S} UTC, for {left:.0f} s: Graph throttled this app, and "
            "nobody on this host sends anything to it.",
            "Wait for its end, and run fewer tasks at once. airflow-onedrive doctor --clear-pause ends it.",
        )
    return left


class _Doctor:
    def __init__(self, client: Client, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._settings = client.settings
        self._claims: dict[str, Any] = {}
        self._links: list[Link] = []
        self._folder = "myfiles/"

    def examine(self, *, write: bool, may_ask_graph: bool = True) -> Iterator[Finding]:
        # Every later step needs these two, and would only repeat their error.
        for step in (self._sign_in_service, self._token):
            for finding in step():
                yield finding
                if finding.state == "failed":
                    return
        yield from self._permissions()
        if not may_ask_graph:
            return
        can_read = False
        for finding in self._locations():
            yield finding
            can_read = finding.state == "ok"
        for name in self._settings.shared:
            yield self._shared(name)
        if can_read:
            yield self._content()
            yield self._write() if write else Finding("write", "skipped", "It was not requested.")

    def _sign_in_service(self) -> Iterator[Finding]:
        """Check that the host answers, and compare its time with this machine's."""
        step = "sign-in service"
        if self._settings.auth in ("access_token", "managed_identity"):
            yield Finding(step, "skipped", f"auth {self._settings.auth!r} does not need it.")
            return
        url = f"{self._settings.authority}/v2.0/.well-known/openid-configuration"
        before = self._now()
        answer = _tried(step, lambda: self._client.probe(url))
        if isinstance(answer, Finding):
            yield answer
            return
        yield Finding(step, "ok", f"{urlsplit(url).hostname} answers.")
        # The host wrote its date about half-way between the request and the answer.
        yield _clock(answer, (before + self._now()) / 2)

    def _token(self) -> Iterator[Finding]:
        yield from _certificate(self._settings)
        token = _tried("token", self._client.token)
        if isinstance(token, Finding):
            yield replace(token, advice=f"{token.advice} {self._consent(token)}".strip())
            return
        self._claims = claims_of(token)
        yield Finding("token", "ok", f"{self._who()} received one{_until(self._claims)}.")

    def _who(self) -> str:
        user = self._claims.get("upn") or self._claims.get("preferred_username")
        name = self._claims.get("appid") or self._claims.get("azp") or self._settings.client_id
        return f"user {user} through app {name}" if user else f"app {name}"

    def _permissions(self) -> Iterator[Finding]:
        step = "permissions"
        if not self._claims:
            yield Finding(step, "skipped", "The token of a personal account does not show its permissions.")
            return
        # Entra puts delegated permissions into "scp" and application permissions into "roles", never both.
        is_app = "scp" not in self._claims
        granted = _roles(self._claims) if is_app else str(self._claims["scp"]).split()
        missing = [need for need in permissions.NEEDS if not permissions.is_enough(need, granted, is_app=is_app)]
        shown = f"{'Application' if is_app else 'Delegated'} permissions: {', '.join(granted) or 'none'}."
        if not missing:
            yield Finding(step, "ok", shown, _selected(granted))
            return
        kind = "application" if is_app else "delegated"
        least = {need.operations: (need.application if is_app else need.delegated)[0] for need in missing}
        lacking = "; ".join(f"to {operations}: {permission}" for operations, permission in least.items())
        # Without reading nothing works; but a connection may well be meant for reading only.
        state = "failed" if permissions.READ in missing else "warning"
        yield Finding(
            step,
            state,
            f"{shown} Missing {kind} permissions: {lacking}.",
            f"An administrator of the tenant adds them to the app and consents: {self._consent_url}",
        )

    def _consent(self, refusal: Finding) -> str:
        is_consent = code_in(refusal.text) == _NO_CONSENT
        return f"An administrator of the tenant consents here: {self._consent_url}" if is_consent else ""

    @property
    def _consent_url(self) -> str:
        """https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent."""
        app = self._claims.get("appid") or self._settings.client_id
        tenant = self._settings.tenant_id or self._claims.get("tid") or "organizations"
        return f"{self._settings.authority_url}/{tenant}/adminconsent?client_id={app}"

    def _locations(self) -> Iterator[Finding]:
        """Check ``myfiles``, or the allowed locations if the connection has any."""
        if not self._settings.allowed_locations:
            yield from self._myfiles()
            return
        for step in map(str, self._settings.allowed_locations):
            item = _tried(step, partial(self._client.stat, step))
            yield item if isinstance(item, Finding) else Finding(step, "ok", f"It is {item.web_url or item.location}.")
        self._folder = f"{self._settings.allowed_locations[0]}".rstrip("/") + "/"
        yield from self._read()

    def _myfiles(self) -> Iterator[Finding]:
        step = "myfiles"
        if self._settings.myfiles is None and self._settings.is_app:
            yield Finding(
                step,
                "warning",
                "An app has no drive of its own, and the field myfiles is empty.",
                "Put a user or a drive into it, or use only locations that do not begin with myfiles.",
            )
            return
        item = _tried(step, lambda: self._client.stat("myfiles/"))
        if isinstance(item, Finding):
            yield item
            return
        yield Finding(step, "ok", f"It is {item.web_url or item.location} (drive {item.drive_id}).")
        yield from self._read()

    def _read(self) -> Iterator[Finding]:
        page = _tried("read", self._first_page)
        if isinstance(page, Finding):
            yield page
            return
        links = [link_of(each.item, each.data) for each in page[0]]
        self._links = [link for link in links if link.url and link.item.size]
        count = "1 item" if len(links) == 1 else f"{len(links)} items"
        yield Finding("read", "ok", f"{self._folder} was listed: {count}{' or more' if page[1] else ''}.")

    def _first_page(self) -> tuple[list[Visit], bool]:
        """Read one page of the folder, and whether there are more."""
        walk = FolderWalk(self._client.address(self._folder), recursive=False, fields="")
        return self._client.run(read_page(walk)), walk.has_more

    def _shared(self, name: str) -> Finding:
        step = f"shared/{name}"
        client = self._client
        item = _tried(step, lambda: client.run(stat(client.address(step))))
        if isinstance(item, Finding):
            return item
        if self._settings.shared[name].link:
            return Finding(
                step,
                "warning",
                f"It is {item.name!r}, and the connection holds a sharing link to it.",
                f"Everybody who may read the connection can use the link: write {item.drive_id}/{item.id} instead.",
            )
        return Finding(step, "ok", f"It is {item.web_url or item.location}.")

    def _content(self) -> Finding:
        """Check that the host of the content answers: it is not Graph's, and a firewall may block it."""
        step = "download host"
        if not self._links:
            return Finding(step, "skipped", f"{self._folder} holds no file to try it with.")
        url = str(self._links[0].url)
        # One byte, because the file may be large.
        answer = _tried(step, lambda: self._client.probe(url, {"Range": "bytes=0-0"}))
        if isinstance(answer, Finding):
            return answer
        return Finding(step, "ok", f"{urlsplit(url).hostname} answers.")

    def _write(self) -> Finding:
        if self._settings.read_only:
            return Finding("write", "skipped", "The connection is read_only.")
        # A random name, because the doctor must not replace a file of somebody, nor find that of another doctor.
        name = f"airflow-onedrive-doctor-{secrets.token_hex(4)}.txt"
        item = _tried(
            "write", lambda: self._client.save(f"{self._folder}{name}", content="written by airflow-onedrive doctor")
        )
        if isinstance(item, Finding):
            return item
        deleted = _tried("write", lambda: self._client.delete(item.to_dict()))
        return deleted if isinstance(deleted, Finding) else Finding("write", "ok", f"{name} was created and deleted.")


def _tried(step: str, act: Callable[[], Any]) -> Any:
    """Return the result of an action, or a finding if it fails."""
    try:
        return act()
    except OneDriveError as error:
        return Finding(step, "failed", error.reason, error.remedy)


def _clock(date: str, now: float) -> Finding:
    time = read_http_date(date)
    if time is None:
        return Finding("clock", "skipped", "The sign-in service sent no date.")
    there = time.timestamp()
    difference = abs(now - there)
    if difference > _CLOCK_SECONDS:
        direction = "fast" if now > there else "slow"
        return Finding(
            "clock",
            "warning",
            f"This machine's clock is {difference:.0f} s {direction}.",
            "The administrator of the machine has to set it: signatures and tokens are valid only for some minutes.",
        )
    return Finding("clock", "ok", "It agrees with the sign-in service's.")


def _certificate(settings: Settings) -> Iterator[Finding]:
    if settings.certificate is None:
        return
    ends = settings.certificate.expires_at
    days = (ends - datetime.now(UTC)).days
    text = f"It is valid until {ends:%Y-%m-%d}, for {days} days."
    if days < 0:
        yield Finding("certificate", "warning", f"It expired on {ends:%Y-%m-%d}.", _NEW_CERTIFICATE)
    elif days < _SOON_DAYS:
        yield Finding("certificate", "warning", text, _NEW_CERTIFICATE)
    else:
        yield Finding("certificate", "ok", text)


_NEW_CERTIFICATE = "Create a new one, upload it to the app registration, and put it into the connection."


def _until(claims: dict[str, Any]) -> str:
    end = seconds(claims, "exp")
    return "" if not end else f", valid for {max(int(end - time.time()), 0) // 60} minutes"


def _roles(claims: dict[str, Any]) -> list[str]:
    roles = claims.get("roles")
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []


def _selected(granted: list[str]) -> str:
    if set(granted) - {permissions.SELECTED}:
        return ""
    return f"{permissions.SELECTED} gives access to no site by itself: this app needs a role on each site."
