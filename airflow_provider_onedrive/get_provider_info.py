"""The one dict Airflow reads. It is read by every Airflow process, so it imports nothing."""

from __future__ import annotations

_INTEGRATION = "Microsoft OneDrive"
_PACKAGE = "airflow_provider_onedrive"

_CONN_FIELDS = {
    "auth": {
        "label": "Authentication",
        "description": "client_secret: an app of Entra ID signs in with Client ID and Client secret. "
        "access_token: the token below is used as it is.",
        "schema": {
            "type": ["string", "null"],
            "enum": ["client_secret", "access_token", None],
            "default": "client_secret",
        },
    },
    "tenant_id": {
        "label": "Tenant ID",
        "description": "Directory (tenant) ID or domain, such as contoso.onmicrosoft.com. Needed for client_secret.",
        "schema": {"type": ["string", "null"]},
    },
    "myfiles": {
        "label": "My files",
        "description": "What locations that begin with myfiles mean: a user such as anna@contoso.com, or the location "
        "of a drive or folder such as drives/<drive-id>/Reports. An app needs it, for it has no drive of its own; "
        "empty means the drive of the signed-in user.",
        "schema": {"type": ["string", "null"], "examples": ["anna@contoso.com"]},
    },
    "access_token": {
        "label": "Access token",
        "description": "Only for access_token: a token for Microsoft Graph. It is not renewed.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "cloud": {
        "label": "Cloud",
        "description": "Which Microsoft cloud the tenant is in; empty means global.",
        "schema": {
            "type": ["string", "null"],
            "enum": ["global", "us_gov", "us_gov_dod", "china", None],
            "default": "global",
            "section": "Network",
        },
    },
    "scopes": {
        "label": "Scopes",
        "description": "Separated by spaces. Empty means everything that was granted to the app (.default).",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
    "graph_url": {
        "label": "Graph URL",
        "description": "Replaces the cloud's address of Microsoft Graph. The host must be Microsoft's or be listed in "
        "[onedrive] trusted_hosts.",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
    "authority_url": {
        "label": "Authority URL",
        "description": "Replaces the cloud's sign-in address. The host must be Microsoft's or be listed in "
        "[onedrive] trusted_hosts.",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
    "ca_certificate": {
        "label": "CA certificate",
        "description": "PEM text of the authorities to trust, or the path of a PEM file on every worker; empty means "
        "the system's. Verification cannot be switched off.",
        "schema": {"type": ["string", "null"], "format": "multiline", "section": "Network"},
    },
    "proxy": {
        "label": "Proxy",
        "description": "Such as http://proxy.example:3128.",
        "schema": {"type": ["string", "null"], "format": "password", "section": "Network"},
    },
    "timeout_seconds": {
        "label": "Timeout (seconds)",
        "description": "Of connecting and of each wait for the next bytes, not of a whole transfer; empty means 60.",
        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 3600, "section": "Network"},
    },
    "user_agent": {
        "label": "User agent",
        "description": "How requests name themselves to Microsoft, such as NONISV|Contoso|Reports/1.0.",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
}

_FIELD_BEHAVIOUR = {
    "hidden-fields": ["host", "port", "schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret"},
    "placeholders": {"login": "00000000-0000-0000-0000-000000000000", "password": "the secret's value, not its ID"},
}

_CONFIG = {
    "onedrive": {
        "description": "Settings of the OneDrive provider that belong to the deployment, not to a connection.",
        "options": {
            "trusted_hosts": {
                "description": "Host names besides Microsoft's that a connection's graph_url and authority_url may "
                "name, separated by commas or spaces. Secrets and tokens are sent there.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "localhost",
                "default": "",
            },
            "documents_folder": {
                "description": "Where downloads without a local_path go: a folder on each worker, or an object store "
                "such as s3://conn_id@bucket/documents. Empty means the folder onedrive_documents below AIRFLOW_HOME.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/airflow/onedrive_documents",
                "default": "",
            },
            "documents_retention_days": {
                "description": "After so many days the documents of a run are removed from a folder on the disk; 0 "
                "keeps them. An object store has rules of its own for that.",
                "version_added": "0.1.0",
                "type": "float",
                "example": None,
                "default": "30",
            },
            "cool_down_folder": {
                "description": "Where the tasks of a host tell each other that Microsoft Graph asked for a pause: "
                "each user gets a folder of their own in it. Not set means the system's folder for temporary files; "
                "empty or off means that each process finds out for itself.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/run/airflow",
                "default": None,
            },
            "resume_directory": {
                "description": "Before Airflow 3.3, which needs no such thing: a folder, shared by all workers, in "
                "which tasks keep their open upload sessions for a retry, encrypted with the Fernet key. Empty keeps "
                "none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/mnt/shared/onedrive_uploads",
                "default": "",
            },
        },
    }
}


def get_provider_info() -> dict[str, object]:
    """Say what this provider brings.

    https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
    """
    return {
        "package-name": "airflow-provider-onedrive",
        "name": _INTEGRATION,
        "description": "Microsoft OneDrive and SharePoint document libraries: upload, update, save, delete, list, "
        "download, and wait for files.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/en-us/graph/onedrive-concept-overview",
                "tags": ["service"],
            }
        ],
        "connection-types": [
            {
                "connection-type": "onedrive",
                "hook-class-name": f"{_PACKAGE}.hooks.onedrive.OneDriveHook",
                "hook-name": _INTEGRATION,
                "conn-fields": _CONN_FIELDS,
                "ui-field-behaviour": _FIELD_BEHAVIOUR,
            }
        ],
        **{
            kind: [{"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{kind}.onedrive"]}]
            for kind in ("hooks", "operators", "sensors", "triggers")
        },
        "config": _CONFIG,
    }
