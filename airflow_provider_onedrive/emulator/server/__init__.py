"""The server: sockets, the router, and the state that handlers are built from."""
