"""``onedrive://`` for fsspec, and so for pandas, pyarrow, DuckDB, dask and Airflow's ``ObjectStoragePath``.

An adapter on :class:`~airflow_provider_onedrive.graph.Client`. Making a filesystem sends nothing and looks up no
connection: that comes with the first use. Airflow is imported only where a connection's id is given.
"""

from __future__ import annotations

from airflow_provider_onedrive.filesystem.transfers import TransferMethods


class OneDriveFileSystem(TransferMethods):
    """OneDrive and SharePoint document libraries by paths such as ``onedrive://myfiles/Reports/a.csv``.

    A path is a location; ``onedrive://finance@myfiles/a.csv`` also names the connection. What it takes is described
    at :class:`~airflow_provider_onedrive.filesystem.options.FileSystemOptions`.
    """


__all__ = ["OneDriveFileSystem"]
