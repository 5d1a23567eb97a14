"""Sockets, HTTP and the way from a request to its handler."""
