"""A local OneDrive: Microsoft Graph and Entra ID over TLS on loopback, for developing and testing without a tenant.

.. code-block:: python

    from airflow_provider_onedrive.emulator import Emulator
    from airflow_provider_onedrive.emulator.faults import status

    with Emulator() as emulator:
        emulator.drive().put("Finance/report.csv", b"a,b")
        emulator.faults.add(method="PUT", path="uploadSession", times=3, do=status(429, retry_after=2))
        os.environ.update(emulator.environment)  # Airflow's connection ``onedrive_default``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.drive import EmulatedDrive
    from airflow_provider_onedrive.emulator.emulator import Emulator

__all__ = ["EmulatedDrive", "Emulator"]


def __getattr__(name: str) -> Any:
    """Import on demand: pytest loads this package in every run, used or not."""
    from importlib import import_module  # noqa: PLC0415

    modules = {"EmulatedDrive": "drive", "Emulator": "emulator"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{modules[name]}"), name)
