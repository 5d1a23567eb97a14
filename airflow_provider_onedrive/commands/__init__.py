"""The commands of ``airflow-onedrive``: each file reads arguments and calls ``graph.Client``."""
