"""Microsoft OneDrive and SharePoint document libraries for Apache Airflow."""

__version__ = "0.1.0"
