"""Users, groups, sites and their drives."""
