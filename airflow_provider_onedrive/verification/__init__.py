"""Compares a real drive with the local OneDrive, case by case: ``airflow-onedrive verify``.

Both play the same cases, so what the local OneDrive answers is what is expected. Nothing here needs Airflow.
"""
