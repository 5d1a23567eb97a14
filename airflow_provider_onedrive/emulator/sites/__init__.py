"""Users, groups, sites and their drives, as addresses name them."""
