"""Texts that only Airflow itself may read, such as the address of a copy's monitor."""

from __future__ import annotations

from airflow_provider_onedrive.compat import get_fernet
from airflow_provider_onedrive.graph.protocol.errors import CopyLost


def sealed(text: str) -> str | None:
    """Encrypt with Airflow's Fernet key; None where there is no key."""
    fernet = get_fernet()
    return None if fernet is None else str(fernet.encrypt(text.encode()).decode("ascii"))


def can_seal() -> bool:
    return get_fernet() is not None


def unsealed(text: str) -> str:
    """Decrypt.

    :raises CopyLost: if it was encrypted with another key.
    """
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - not while a DAG is read

    fernet = get_fernet()
    try:
        return str(fernet.decrypt(text.encode("ascii")).decode()) if fernet else ""
    except (InvalidToken, ValueError):
        raise CopyLost("The address of the copy's monitor was encrypted with another Fernet key") from None
