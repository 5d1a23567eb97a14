"""The commands of ``airflow-onedrive``: a thin face over ``graph.Client``, one file each."""
