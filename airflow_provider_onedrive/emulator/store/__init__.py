"""The stores of a tenant: in memory, or in a directory."""
