"""The filesystem of Airflow's ``ObjectStoragePath``, and of universal_pathlib's ``UPath``."""
