"""What learning an object (online) and training networks (offline) share."""
