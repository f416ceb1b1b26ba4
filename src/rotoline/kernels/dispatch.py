"""Which implementation of an operation runs on this machine, and why the others cannot."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from rotoline.errors import KernelError

VARIABLE = "ROTOLINE_KERNELS"
"""Environment variable that selects one implementation by name, for debugging."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One implementation: its name, and why it cannot run on this machine (empty if it can)."""

    name: str
    refusal: str = ""


def choose(candidates: Sequence[Candidate]) -> str:
    """Name the implementation to run: the one asked for, else the first that can run.

    Args:
        candidates: Best first.

    Raises:
        KernelError: `ROTOLINE_KERNELS` names none of them, or one that cannot run here.
    """
    asked = os.environ.get(VARIABLE, "")
    names = ", ".join(candidate.name for candidate in candidates)
    if not asked:
        return next(candidate.name for candidate in candidates if not candidate.refusal)
    for candidate in candidates:
        if candidate.name == asked:
            if candidate.refusal:
                raise KernelError(
                    f"{VARIABLE}={asked}, but {candidate.refusal}; "
                    f"unset it or ask for one of {names}"
                )
            return asked
    raise KernelError(f"{VARIABLE}={asked} names no implementation; there are {names}")
