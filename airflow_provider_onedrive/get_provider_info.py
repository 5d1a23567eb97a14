"""The dict that Airflow reads of a provider. Every Airflow process reads it, so this module imports nothing."""

from __future__ import annotations

_INTEGRATION = "Microsoft OneDrive"
_PACKAGE = "airflow_provider_onedrive"

# None allows an empty field: Airflow validates the form by this schema.
_AUTH_KINDS = ["client_secret", "certificate", "federated", "managed_identity", "refresh_token", "access_token", None]
_PEM_OR_PATH = "PEM text, or the path of a PEM, DER or PFX file on every worker."


def _field(label: str, description: str, **schema: object) -> dict[str, object]:
    """Return the description of one field of the form. Each field may be empty."""
    kind = schema.pop("type", "string")
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


_CONN_FIELDS = {
    "auth": _field(
        "Authentication",
        "Who signs in. client_secret: an app with Client ID and Client secret. certificate: an app with a certificate. "
        "federated: workload identity on Kubernetes. managed_identity: an Azure machine. refresh_token: a user who "
        "signed in once. access_token: a token that you supply, for a short run.",
        enum=_AUTH_KINDS,
        default="client_secret",
    ),
    "tenant_id": _field(
        "Tenant ID",
        "Directory (tenant) ID or domain, such as contoso.onmicrosoft.com. Needed for client_secret, certificate and "
        "federated; for refresh_token an empty field means common.",
    ),
    "myfiles": _field(
        "My files",
        "The drive or folder that locations beginning with myfiles name: a user such as anna@contoso.com, or a "
        "location such as sites/contoso.sharepoint.com/sites/Finance/Documents. An app needs it, because it has no "
        "drive of its own; empty means the drive of the signed-in user.",
        examples=["anna@contoso.com"],
    ),
    "shared": _field(
        "Shared",
        "The folders that shared/<name> names, as JSON: each name with a location, drive-id/item-id, or a sharing "
        "link. Everybody who may read connections can use a link, so prefer ids.",
        format="multiline",
        examples=['{"team": "drives/<drive-id>/Reports"}'],
    ),
    # Airflow hides values by the names of their fields: "private_key", "passphrase" and "token" are such names.
    "certificate_private_key": _field(
        "Private key", f"Only for certificate: {_PEM_OR_PATH}", format="password", section="Certificate"
    ),
    "certificate_private_key_passphrase": _field(
        "Passphrase",
        "Only for certificate: the passphrase of an encrypted private key, or of a PFX file.",
        format="password",
        section="Certificate",
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
        "Empty means the file that AZURE_FEDERATED_TOKEN_FILE names on the worker.",
        section="Tokens",
    ),
    "refresh_token": _field(
        "Refresh token",
        "Only for refresh_token: the token that airflow-onedrive login prints. Client secret stays empty for a public "
        "client.",
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
        "Permissions to ask for, separated by spaces. Empty means all that the app was granted (.default).",
        section="Tokens",
    ),
    "read_only": _field(
        "Read only",
        "Refuse every request that could change something.",
        type="boolean",
        default=False,
        section="Limits",
    ),
    "allowed_locations": _field(
        "Allowed locations",
        "One location in each line; items outside of them are neither read nor changed. Empty allows everything that "
        "the identity may do.",
        format="multiline",
        section="Limits",
    ),
    "name_policy": _field(
        "Name policy",
        "What happens to names that OneDrive does not accept: error refuses them, replace replaces the characters.",
        enum=["error", "replace", None],
        default="error",
        section="Limits",
    ),
    "max_concurrent": _field(
        "Requests at once",
        "How many requests one task sends at once, and how many files it transfers at once. Empty leaves both to the "
        "task.",
        type="integer",
        minimum=1,
        maximum=256,
        section="Limits",
    ),
    "requests_per_second": _field(
        "Requests per second",
        "How many requests one task sends at most. Empty sets no limit besides Microsoft's.",
        type="number",
        minimum=0.01,
        maximum=10_000,
        section="Limits",
    ),
    "cloud": _field(
        "Cloud",
        "The Microsoft cloud of the tenant; empty means global.",
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
        "PEM text of the authorities to trust, or the path of a PEM or DER file on every worker; empty means those of "
        "REQUESTS_CA_BUNDLE on the worker, else the system's. Verification cannot be switched off.",
        format="multiline",
        section="Network",
    ),
    "proxy": _field(
        "Proxy",
        "An address such as http://proxy.example:3128. Empty means the proxy that HTTPS_PROXY and NO_PROXY name on the "
        "worker.",
        format="password",
        section="Network",
    ),
    "timeout_seconds": _field(
        "Timeout (seconds)",
        "The limit of connecting and of each wait for the next bytes, not of a whole transfer; empty means 60.",
        type="number",
        minimum=1,
        maximum=3600,
        section="Network",
    ),
    "user_agent": _field(
        "User agent",
        "The name that requests send to Microsoft, such as NONISV|Contoso|Reports/1.0.",
        section="Network",
    ),
}

# host, port and schema are the columns of a database connection, which Airflow shows for every type.
_FIELD_BEHAVIOUR = {
    "hidden-fields": ["host", "port", "schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret"},
    "placeholders": {
        "login": "00000000-0000-0000-0000-000000000000",
        "password": "the secret's value, not its ID",
    },
}

# Of the deployment and not of a connection, because editors of connections must not be able to change them.
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
            "allow": {
                "description": "What DAGs and connections may do that they otherwise may not, separated by commas or "
                "spaces: permanent_delete (delete without the recycle bin), delete_on_hold (empty a folder that a "
                "retention policy protects), skip_verify (transfers without a comparison of hashes).",
                "version_added": "0.1.0",
                "type": "string",
                "example": "permanent_delete skip_verify",
                "default": "",
            },
            "allowed_tenants": {
                "description": "The tenants to which a connection may sign in, separated by commas or spaces, as "
                "connections name them: ids, domain names, or both. The tenant of a managed identity or an access "
                "token is known by its id. Empty means any.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "contoso.onmicrosoft.com, 00000000-0000-0000-0000-000000000000",
                "default": "",
            },
            "require_allowed_locations": {
                "description": "Whether a connection without allowed_locations is refused.",
                "version_added": "0.1.0",
                "type": "boolean",
                "example": None,
                "default": "False",
            },
            "max_delete": {
                "description": "The most items that one call may delete or move away, whatever max_items or "
                "max_delete of the DAG says. Empty means that only the DAG sets a limit.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "1000",
                "default": "",
            },
            "log_names": {
                "description": "What logs, errors and the audit say of a file: full, its name and location; ids, only "
                "the ids of the drive and the item, or a short digest of the name.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "ids",
                "default": "full",
            },
            "token_file_roots": {
                "description": "Directories below which a connection's federated_token_file may lie, separated by "
                "commas or spaces. The content of such a file is sent to the sign-in service.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/run/secrets",
                "default": "/var/run/secrets",
            },
            "token_cache_folder": {
                "description": "A folder in which the processes of a host, or of several hosts with one file system, "
                "share access tokens, encrypted with the Fernet key: a hundred tasks that start at once then ask for "
                "one token. Empty means that each process asks for its own.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/airflow/onedrive_tokens",
                "default": "",
            },
            "refresh_token_folder": {
                "description": "A folder for the newest refresh tokens of connections with auth refresh_token, "
                "encrypted with the Fernet key. Empty means Airflow Variables, which tasks use and triggers do not.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/mnt/shared/onedrive_tokens",
                "default": "",
            },
            "documents_folder": {
                "description": "The target of downloads without a local_path: a folder on each worker, or an object "
                "store such as s3://conn_id@bucket/documents. They go to the folder onedrive_runs in it, and the rest "
                "of it is never touched. Empty means the folder onedrive_documents in AIRFLOW_HOME.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/airflow/onedrive_documents",
                "default": "",
            },
            "documents_retention_days": {
                "description": "The days without a change after which the documents of a run are removed from a "
                "folder on the disk, one day after a task has first seen that; 0 keeps them. An object store has rules "
                "of its own for that.",
                "version_added": "0.1.0",
                "type": "float",
                "example": None,
                "default": "30",
            },
            "cool_down_folder": {
                "description": "A folder in which the tasks of a host share the pauses that Microsoft Graph asks for; "
                "each user gets a folder in it. Not set means the system's folder for temporary files; empty or off "
                "means that each process learns of a pause by itself.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/run/airflow",
                "default": None,
            },
            "resume_directory": {
                "description": "Only before Airflow 3.3: a folder, shared by all workers, in which tasks keep their "
                "open upload sessions for a retry, encrypted with the Fernet key. Empty keeps none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/mnt/shared/onedrive_uploads",
                "default": "",
            },
        },
    }
}


def get_provider_info() -> dict[str, object]:
    """Return the description of this provider.

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
        "filesystems": [f"{_PACKAGE}.fs.onedrive"],
        "task-decorators": [
            {"name": "onedrive_sensor", "class-name": f"{_PACKAGE}.decorators.onedrive.onedrive_sensor_task"}
        ],
        "config": _CONFIG,
    }
