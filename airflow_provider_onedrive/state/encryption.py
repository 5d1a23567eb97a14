"""Encrypt texts that only Airflow itself may read, such as tokens and the URLs of upload sessions."""

from __future__ import annotations

from airflow_provider_onedrive.compat import get_fernet


def can_encrypt() -> bool:
    """Whether Airflow has a Fernet key."""
    return get_fernet() is not None


def encrypt(text: str) -> str | None:
    """Encrypt with Airflow's Fernet key; return None if there is no key."""
    fernet = get_fernet()
    return None if fernet is None else str(fernet.encrypt(text.encode()).decode("ascii"))


def decrypt(text: str) -> str | None:
    """Decrypt; return None if the text is damaged or was encrypted with another key."""
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - not while a DAG is read

    fernet = get_fernet()
    try:
        return None if fernet is None else str(fernet.decrypt(text.encode("ascii")).decode())
    except (InvalidToken, ValueError):
        return None
