"""Drives and what is in them, without HTTP."""
