"""The first segments of a Graph URL: a user, a group, a site, a share, or one of their drives."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.sites.drives import DriveAddress, DriveListing, Drives
from airflow_provider_onedrive.emulator.sites.people import People
from airflow_provider_onedrive.emulator.sites.shares import Shares
from airflow_provider_onedrive.emulator.sites.site_requests import SiteRequests
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class SiteRouter:
    """Finds drives by the first segments of a URL."""

    shares: Shares
    site_requests: SiteRequests
    people: People
    drives: Drives

    def find(self, request: Request, token: Token, segments: list[str]) -> DriveAddress | DriveListing | Reply:
        """Return drives, or the answer to a request for another resource."""
        match segments:
            case ["shares", *rest]:
                return self.shares.find(request, token, rest)
            case ["sites", *rest]:
                answer = self.site_requests.respond(request, token, rest)
            case _:
                answer = self.people.respond(request, token, segments)
        # A user, group or site that is followed by a drive is found by the drive.
        return answer or self.drives.find(token, segments)
