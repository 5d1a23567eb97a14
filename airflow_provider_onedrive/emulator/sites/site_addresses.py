"""How a URL names a site.

https://learn.microsoft.com/graph/api/site-get
https://learn.microsoft.com/graph/api/site-getbypath
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request, invalid_request
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

_ID_PARTS = 3


@dataclass(frozen=True)
class SiteAddresses:
    """Finds the site that a URL names."""

    tenant: Tenant
    store_url: str

    @property
    def host(self) -> str:
        """Return the host in the ids of sites, which is that of their URLs."""
        return urlsplit(self.store_url).hostname or ""

    def hosts(self) -> frozenset[str]:
        """Return the hosts of the tenant's sites: the emulator's own, and the tenant's names."""
        own = {self.host, urlsplit(self.store_url).netloc}
        name = self.tenant.name
        # Clients take the host from a tenant's real address, such as contoso.sharepoint.com.
        return frozenset(own | {f"{name}{suffix}.sharepoint.com" for suffix in ("", "-my")})

    def find(self, token: Token, segments: list[str]) -> tuple[SharePointSite, list[str]]:
        """Return a site, and the segments that follow its address."""
        check_account(token)
        # Some clients encode the whole address into one segment, slashes included.
        head, *inner = [part for part in segments[0].split("/") if part] or [""]
        rest = [*inner, *segments[1:]]
        if not head.endswith(":"):
            return self._by_id(head), rest
        site = self._by_id(head[:-1])
        names, rest = _names(rest)
        named = self.tenant.site_at("/".join([site.path.strip("/"), *names]))
        if named is None or not self._serves(head[:-1], named):
            raise _missing()
        return named, rest

    def _by_id(self, text: str) -> SharePointSite:
        """Find by ``host,collection,web``, by the GUID of a collection, by host, or as ``root``."""
        parts = text.lower().split(",")
        if text == "root" or (len(parts) == 1 and self._is_host(parts[0])):
            return _existing(self.tenant.site_at(""))
        if len(parts) == _ID_PARTS:
            self._check_host(parts[0])
            parts = parts[1:]
        # The id has three parts, but the GUID of a collection alone names its top site.
        for site in self.tenant.sites:
            ids = [str(site.collection), str(site.web)]
            if parts == ids or (site.is_top and parts == ids[:1]):
                return site
        if len(parts) == 1 and "." in text:
            self._check_host(text)
        raise _missing()

    def _serves(self, host: str, site: SharePointSite) -> bool:
        """Return True if a site is at a host: personal sites have one of their own. The emulator's own has all."""
        if host.lower() == f"{self.tenant.name}-my.sharepoint.com":
            return site.is_personal
        return host.lower() != f"{self.tenant.name}.sharepoint.com" or not site.is_personal

    def _is_host(self, text: str) -> bool:
        return text.lower() in self.hosts()

    def _check_host(self, text: str) -> None:
        if not self._is_host(text):
            raise invalid_request("Invalid hostname for this tenancy")


def check_account(token: Token) -> None:
    """Refuse a consumer's account, which has no sites."""
    if token.user and token.user.drive and token.user.drive.personality == "personal":
        raise bad_request("This API is not supported for MSA accounts")


def _existing(site: SharePointSite | None) -> SharePointSite:
    if site is None:
        raise _missing()
    return site


def _names(segments: list[str]) -> tuple[list[str], list[str]]:
    """Names run up to the first segment that ends with a colon, or to the end."""
    for index, segment in enumerate(segments):
        if segment.endswith(":"):
            return [*segments[:index], *filter(None, [segment[:-1]])], segments[index + 1 :]
    return segments, []


def _missing() -> Problem:
    return Problem(404, "itemNotFound", "Requested site could not be found")
