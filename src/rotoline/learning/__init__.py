"""What adapting to an object (online) and training (offline) share."""
