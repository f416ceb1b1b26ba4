"""Offline training of what ships: an experiment reads top to bottom."""
