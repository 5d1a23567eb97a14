"""`make demo`: the example DAG in a real Airflow against the local OneDrive."""
