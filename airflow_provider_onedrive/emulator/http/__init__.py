"""HTTP messages: requests, replies and the request log."""
