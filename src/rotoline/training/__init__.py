"""Offline training of the networks of the presets."""
