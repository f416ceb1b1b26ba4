"""Numeric operations that know nothing of videos, objects or files."""
