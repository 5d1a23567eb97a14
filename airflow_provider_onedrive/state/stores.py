"""The objects of stores that paths such as ``s3://conn_id@bucket/key`` name."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.compat import ObjectStoragePath, has_store
from airflow_provider_onedrive.graph.content.paths import without_credentials
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show

# By the scheme, what brings Airflow the store.
# https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "apache-airflow-providers-amazon[s3fs]"),
    **dict.fromkeys(("gs", "gcs"), "apache-airflow-providers-google"),
    **dict.fromkeys(("abfs", "abfss", "adl"), "apache-airflow-providers-microsoft-azure"),
    **dict.fromkeys(("sftp", "ssh"), "apache-airflow-providers-sftp[sshfs]"),
}


def stored_object(text: str) -> Any:
    """Return the ``ObjectStoragePath`` of a text.

    :raises ConfigurationError: naming the package to install, if the store is not known here.
    """
    scheme = text.partition("://")[0].rpartition("::")[2].lower()
    if not has_store(scheme):
        raise _not_installed(text, scheme, f"no installed package brings Airflow the store {scheme}://")
    path = ObjectStoragePath(text)
    try:
        _ = path.fs  # the package may be there without the library that it needs for this
    except ImportError as error:
        raise _not_installed(text, scheme, str(error)) from cause_to_show(error)
    return path


def _not_installed(text: str, scheme: str, reason: str) -> ConfigurationError:
    package = _PACKAGES.get(scheme)
    advice = f"Install {package} on the workers." if package else "Copy the file to a local path, or to another store."
    return ConfigurationError(f"{without_credentials(text)!r} cannot be used: {reason}.", advice=advice)
