"""Errors as Graph and Entra ID describe them."""
