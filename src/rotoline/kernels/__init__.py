"""Numeric operations that know nothing of videos, objects or files.

One package per operation. The module `reference` of each is its specification in plain loops, slow
on purpose; only the tests run it, to check the fast versions.
"""
