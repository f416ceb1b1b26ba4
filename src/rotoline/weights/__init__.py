"""Weights files: read, written, converted, downloaded."""
