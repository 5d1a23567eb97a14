"""HTTP messages: requests, replies and what is recorded of them."""
