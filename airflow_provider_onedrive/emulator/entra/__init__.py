"""Entra ID: applications, tokens and the ways to get them."""
