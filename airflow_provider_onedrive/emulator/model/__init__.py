"""The tenant, its sites and drives and their items, without HTTP."""
