"""The cases: first the client's methods, then the facts of the service that the local OneDrive stands on."""
