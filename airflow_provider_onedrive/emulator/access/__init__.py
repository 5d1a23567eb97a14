"""Authorization: permissions, site grants and the rights of users."""
