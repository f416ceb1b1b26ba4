"""How long idle threads of PyTorch wait for more work before they sleep."""

import os
from collections.abc import MutableMapping

SPINS = 3000
"""Rounds that an idle thread spins. The library's own default of 300,000 keeps the processor busy
between all operations of a run, and two runs at once then hinder each other
(`benchmarks/together.py`)."""
_CHOSEN_BY_USER = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def limit_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let idle threads sleep soon, unless the user's environment says something else.

    GNU OpenMP reads the variable when it is loaded, so this works before PyTorch is imported and
    not later; processes that are started inherit it. Other implementations ignore it.

    Args:
        environment: The environment, changed in place.
    """
    if not any(name in environment for name in _CHOSEN_BY_USER):
        environment["GOMP_SPINCOUNT"] = str(SPINS)
