"""Refusals that no permission cures: by the words of the service, which rule refuses, and who decides about it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Denial:
    """A rule by which the service refuses what the permissions would allow.

    :param words: searched in the code and the message of a refusal.
    :param advice: one sentence about the rule, and who can change it.
    """

    words: re.Pattern[str]
    advice: str


def _denial(words: str, advice: str) -> Denial:
    return Denial(re.compile(words, re.IGNORECASE), advice)


HOLD = _denial(
    # Recorded: "... If attempting to delete a non-empty folder, it's possible that it's on hold" (AB#338).
    r"\bon hold\b|litigation hold|preservation hold|retention polic|compliance policy",
    "A retention policy or a hold keeps it: the compliance administrator of the tenant (Microsoft Purview) decides, "
    "and no permission changes that.",
)
# The first that fits counts: the words about a record also name its retention, and those about a site a policy.
_DENIALS = (
    # OD#980
    _denial(
        r"cross-site operations cannot be performed on files",
        "SharePoint copies only smaller files between sites: download the file and upload it there "
        "(OneDriveDownloadOperator, OneDriveUploadOperator).",
    ),
    _denial(
        r"malware|\bvirus",
        "SharePoint has found malware in the file: the security administrator of the tenant (Microsoft Defender) "
        "decides about it.",
    ),
    _denial(
        r"\brecords?\b|retention label|\blabell?ed\b",
        "Its retention label makes it a record: the records manager of the tenant (Microsoft Purview) can unlock it, "
        "and nothing here works around that.",
    ),
    HOLD,
    _denial(
        r"\bDLP\b|data loss prevention|sensitive (?:information|content|data)",
        "A policy against data loss (DLP) blocks the file: its owner or the compliance administrator of the tenant "
        "(Microsoft Purview) decides.",
    ),
    _denial(
        r"network location|trusted location|location[- ]based|\bIP address",
        "SharePoint is open to some networks only: run the worker in one of them, or ask the SharePoint administrator "
        "to add the worker's address.",
    ),
    _denial(
        r"(?:managed|trusted|compliant) device|device (?:is|has|must|needs)\b",
        "SharePoint is open to managed devices only, and a worker is none: ask the SharePoint administrator to exempt "
        "the app.",
    ),
    _denial(
        r"conditional access",
        "A conditional access policy forbids it: ask the Entra administrator of the tenant to exempt the app.",
    ),
    _denial(
        r"information barrier",
        "An information barrier is between the user and the site: the compliance administrator of the tenant decides.",
    ),
    _denial(
        r"block(?:s|ed)? download|allow you to download",
        "Downloads from the site are blocked: the SharePoint administrator decides (Set-SPOSite -BlockDownloadPolicy).",
    ),
    # SharePoint's words for the lock state ReadOnly; reads go on.
    _denial(
        r"read[- ]only|additions to this web ?site have been blocked",
        "The site is read-only: the SharePoint administrator decides (Set-SPOSite -LockState).",
    ),
    _denial(
        r"site (?:has been|is) (?:blocked|locked)|\bNoAccess\b",
        "The site is blocked: the SharePoint administrator decides (Set-SPOSite -LockState).",
    ),
    _denial(
        r"cancelled by event received",
        "A program on the site (an event receiver) has cancelled it: ask the owner of the site.",
    ),
    # https://learn.microsoft.com/en-us/entra/identity-platform/claims-challenge
    _denial(
        r"continuous access evaluation|claims ?challenge|insufficient_claims",
        "A conditional access policy has changed, or the sign-in was revoked: sign in again (airflow-onedrive login), "
        "or ask the Entra administrator of the tenant to exempt the app.",
    ),
)
_RIGHTS = re.compile(
    r"access[ _-]?denied|denied access|permission|privilege|authori[sz]|forbidden|\bscopes?\b|consent|\broles?\b"
    r"|\brights?\b|have access|sharing link|gave no reason",
    re.IGNORECASE,
)
_UNKNOWN = (
    "The words name no missing permission but another rule: ask the SharePoint administrator of the tenant which one."
)
_FORBIDDEN = 403


def advice_on(status: int | None, *words: str | None) -> str | None:
    """Return which rule refuses a request, and who decides about it; None if it is a matter of permissions.

    :param status: of the answer.
    :param words: its codes and its message.
    """
    text = "\n".join(filter(None, words))
    for denial in _DENIALS:
        if denial.words.search(text):
            return denial.advice
    return _UNKNOWN if status == _FORBIDDEN and not _RIGHTS.search(text) else None


def is_hold(advice: str | None) -> bool:
    """Whether :func:`advice_on` has taken a refusal for one of a retention policy or a hold."""
    return advice == HOLD.advice
