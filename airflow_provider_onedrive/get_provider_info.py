"""The one dict Airflow reads. It is read by every Airflow process, so it imports nothing."""

from __future__ import annotations

_INTEGRATION = "Microsoft OneDrive"
_PACKAGE = "airflow_provider_onedrive"

_KINDS = ["client_secret", "certificate", "federated", "managed_identity", "refresh_token", "access_token", None]
_PEM_OR_PATH = "PEM text, or the path of a file on every worker."


def _field(label: str, description: str, **schema: object) -> dict[str, object]:
    """Describe one field of the form; each may be empty."""
    kind = schema.pop("type", "string")
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


_CONN_FIELDS = {
    "auth": _field(
        "Authentication",
        "Who signs in. client_secret: an app with Client ID and Client secret. certificate: an app with a certificate. "
        "federated: workload identity on Kubernetes. managed_identity: an Azure machine. refresh_token: somebody who "
        "signed in once. access_token: a token from elsewhere, for a short run.",
        enum=_KINDS,
        default="client_secret",
    ),
    "tenant_id": _field(
        "Tenant ID",
        "Directory (tenant) ID or domain, such as contoso.onmicrosoft.com. Needed for client_secret, certificate and "
        "federated; for refresh_token empty means common.",
    ),
    "myfiles": _field(
        "My files",
        "What locations that begin with myfiles mean: a user such as anna@contoso.com, or the location of a drive or "
        "folder such as sites/contoso.sharepoint.com/sites/Finance/Documents. An app needs it, for it has no drive of "
        "its own; empty means the drive of the signed-in user.",
        examples=["anna@contoso.com"],
    ),
    "shared": _field(
        "Shared",
        "What shared/<name> means, as JSON: names with a location, drive-id/item-id, or a sharing link. Whoever may "
        "read connections sees a link, so prefer ids.",
        format="multiline",
        examples=['{"team": "drives/<drive-id>/Reports"}'],
    ),
    "certificate_private_key": _field(
        "Private key", f"Only for certificate: {_PEM_OR_PATH}", format="password", section="Certificate"
    ),
    "certificate_private_key_passphrase": _field(
        "Passphrase", "Only for certificate: of an encrypted private key.", format="password", section="Certificate"
    ),
    "certificate": _field(
        "Certificate",
        f"Only for certificate: its public part as uploaded to the app registration. {_PEM_OR_PATH}",
        format="multiline",
        section="Certificate",
    ),
    "federated_token_file": _field(
        "Federated token file",
        "Only for federated: the file into which the cluster writes its token, below [onedrive] token_file_roots. "
        "Empty means what AZURE_FEDERATED_TOKEN_FILE says on the worker.",
        section="Tokens",
    ),
    "refresh_token": _field(
        "Refresh token",
        "Only for refresh_token: as airflow-onedrive login gives it. Client secret stays empty for a public client.",
        format="password",
        section="Tokens",
    ),
    "access_token": _field(
        "Access token",
        "Only for access_token: a token for Microsoft Graph. It is not renewed.",
        format="password",
        section="Tokens",
    ),
    "scopes": _field(
        "Scopes",
        "Separated by spaces. Empty means everything that was granted to the app (.default).",
        section="Tokens",
    ),
    "read_only": _field(
        "Read only", "Nothing is ever changed through this connection.", type="boolean", default=False, section="Limits"
    ),
    "allowed_locations": _field(
        "Allowed locations",
        "One in each line: nothing outside of them is read or changed. Empty means everything the identity may.",
        format="multiline",
        section="Limits",
    ),
    "name_policy": _field(
        "Name policy",
        "What happens to names that OneDrive does not take: error, or replace what it does not take in them.",
        enum=["error", "replace", None],
        default="error",
        section="Limits",
    ),
    "max_concurrent": _field(
        "Requests at once",
        "How many requests one task sends at once, and how many files it moves at once. Empty leaves it to the task.",
        type="integer",
        minimum=1,
        maximum=256,
        section="Limits",
    ),
    "requests_per_second": _field(
        "Requests per second",
        "How many requests one task sends at most. Empty sets no limit but Microsoft's.",
        type="number",
        minimum=0.01,
        maximum=10_000,
        section="Limits",
    ),
    "cloud": _field(
        "Cloud",
        "Which Microsoft cloud the tenant is in; empty means global.",
        enum=["global", "us_gov", "us_gov_dod", "china", None],
        default="global",
        section="Network",
    ),
    "graph_url": _field(
        "Graph URL",
        "Replaces the cloud's address of Microsoft Graph. The host must be Microsoft's or be listed in [onedrive] "
        "trusted_hosts.",
        section="Network",
    ),
    "authority_url": _field(
        "Authority URL",
        "Replaces the cloud's sign-in address. The host must be Microsoft's or be listed in [onedrive] trusted_hosts.",
        section="Network",
    ),
    "ca_certificate": _field(
        "CA certificate",
        "PEM text of the authorities to trust, or the path of a PEM file on every worker; empty means the system's. "
        "Verification cannot be switched off.",
        format="multiline",
        section="Network",
    ),
    "proxy": _field(
        "Proxy",
        "Such as http://proxy.example:3128. Empty means what HTTPS_PROXY and NO_PROXY say on the worker.",
        format="password",
        section="Network",
    ),
    "timeout_seconds": _field(
        "Timeout (seconds)",
        "Of connecting and of each wait for the next bytes, not of a whole transfer; empty means 60.",
        type="number",
        minimum=1,
        maximum=3600,
        section="Network",
    ),
    "user_agent": _field(
        "User agent",
        "How requests name themselves to Microsoft, such as NONISV|Contoso|Reports/1.0.",
        section="Network",
    ),
}

_FIELD_BEHAVIOUR = {
    "hidden-fields": ["host", "port", "schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret"},
    "placeholders": {
        "login": "00000000-0000-0000-0000-000000000000",
        "password": "the secret's value, not its ID",
    },
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
            "token_file_roots": {
                "description": "Directories below which a connection's federated_token_file may lie, separated by "
                "commas or spaces. What such a file holds is sent to the sign-in service.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/run/secrets",
                "default": "/var/run/secrets",
            },
            "token_cache_folder": {
                "description": "Where the processes of a host, or of several on one file system, share access tokens, "
                "encrypted with the Fernet key: a hundred tasks that start at once then ask for one token. Empty means "
                "that each process asks for itself.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/airflow/onedrive_tokens",
                "default": "",
            },
            "refresh_token_folder": {
                "description": "Where the newest refresh tokens of connections with auth refresh_token are kept, "
                "encrypted with the Fernet key. Empty means in Airflow Variables, which tasks use and triggers do not.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/mnt/shared/onedrive_tokens",
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
        "task-decorators": [
            {"name": "onedrive_sensor", "class-name": f"{_PACKAGE}.decorators.onedrive.onedrive_sensor_task"}
        ],
        "config": _CONFIG,
    }
