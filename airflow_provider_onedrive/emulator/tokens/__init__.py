"""Access tokens: their keys, their claims and the permissions in them."""
