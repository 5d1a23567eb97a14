"""Requests for files and folders."""
