"""Where a tenant is kept: in memory, or in a directory."""
