"""Microsoft Graph for files: two clients, what they take and return, and their errors.

The names of ``__all__`` are public; docs/client.md describes them. Everything else may change. Importing this package
imports neither ``httpx`` nor ``msal``: they come with the first use of a client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client
    from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
    from airflow_provider_onedrive.graph.config.settings import Settings
    from airflow_provider_onedrive.graph.content.filters import Filters
    from airflow_provider_onedrive.graph.content.transfer_plan import Report
    from airflow_provider_onedrive.graph.flows.copies import Copy, CopyProgress
    from airflow_provider_onedrive.graph.flows.resolver import SharedFolder
    from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
    from airflow_provider_onedrive.graph.protocol.errors import (
        AccessDenied,
        BadRequest,
        ConfigurationError,
        CopyLost,
        CopyUnfinished,
        DeletionStopped,
        DriveNotFound,
        FilesFailed,
        FilesRefused,
        FolderNotEmpty,
        GraphError,
        IdentityUnavailable,
        IsFolder,
        IsNoFolder,
        ItemNotFound,
        LocalFileError,
        LocationError,
        Locked,
        NameAlreadyExists,
        NameHeld,
        NotFound,
        NotSupported,
        OneDriveError,
        OnHold,
        OwnerUnknown,
        PreconditionFailed,
        QuotaExceeded,
        RangeNotSatisfiable,
        ResyncRequired,
        ServiceUnavailable,
        SignInFailed,
        SourceChanged,
        SourceMissing,
        Stopped,
        TakenOver,
        Throttled,
        Unauthenticated,
        UnreadableAnswer,
        VerificationFailed,
    )
    from airflow_provider_onedrive.graph.protocol.models import DriveItem
    from airflow_provider_onedrive.graph.protocol.options import (
        CrossDrive,
        DeleteOptions,
        DownloadOptions,
        IfExists,
        IfExistsRelocate,
        IfExistsSave,
        IfNone,
        IfOnHold,
        OnLocked,
        OpenMode,
        RelocateOptions,
        TransferOptions,
        UploadOptions,
    )
    from airflow_provider_onedrive.graph.tracking.sync import Synced
    from airflow_provider_onedrive.graph.tracking.tree import Changes

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "BadRequest",
    "Changes",
    "Client",
    "ConfigurationError",
    "Copy",
    "CopyLost",
    "CopyProgress",
    "CopyUnfinished",
    "CrossDrive",
    "DeleteOptions",
    "DeletionStopped",
    "DeploymentPolicy",
    "DownloadOptions",
    "DriveItem",
    "DriveNotFound",
    "FilesFailed",
    "FilesRefused",
    "Filters",
    "FolderNotEmpty",
    "GraphError",
    "IdentityUnavailable",
    "IfExists",
    "IfExistsRelocate",
    "IfExistsSave",
    "IfNone",
    "IfOnHold",
    "IsFolder",
    "IsNoFolder",
    "ItemNotFound",
    "LocalFileError",
    "LocationError",
    "Locked",
    "NameAlreadyExists",
    "NameHeld",
    "NotFound",
    "NotSupported",
    "OnHold",
    "OnLocked",
    "OneDriveError",
    "OpenMode",
    "OwnerUnknown",
    "PreconditionFailed",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RelocateOptions",
    "Report",
    "ResyncRequired",
    "ServiceUnavailable",
    "Settings",
    "SharedFolder",
    "SignInFailed",
    "SourceChanged",
    "SourceMissing",
    "Stopped",
    "Synced",
    "TakenOver",
    "TaskAttempt",
    "Throttled",
    "TransferOptions",
    "Unauthenticated",
    "UnreadableAnswer",
    "UploadOptions",
    "VerificationFailed",
]

# The errors are not in it: they are more than all others together, and in one module.
_MODULES = {
    "client": ("AsyncClient", "Client"),
    "config.deployment": ("DeploymentPolicy",),
    "config.settings": ("Settings",),
    "content.filters": ("Filters",),
    "content.transfer_plan": ("Report",),
    "flows.copies": ("Copy", "CopyProgress"),
    "flows.resolver": ("SharedFolder",),
    "flows.session_state": ("TaskAttempt",),
    "protocol.models": ("DriveItem",),
    "protocol.options": (
        *("CrossDrive", "DeleteOptions", "DownloadOptions", "IfExists", "IfExistsRelocate", "IfExistsSave", "IfNone"),
        *("IfOnHold", "OnLocked", "OpenMode", "RelocateOptions", "TransferOptions", "UploadOptions"),
    ),
    "tracking.sync": ("Synced",),
    "tracking.tree": ("Changes",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'protocol.errors')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
