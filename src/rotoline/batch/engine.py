"""Where the items of a batch run."""

from typing import Protocol

from rotoline.batch.jobs import Job, Outcome


class Engine(Protocol):
    """Runs jobs, some at a time."""

    most: int
    """How many jobs it takes at once; those that cannot run yet wait."""

    def submit(self, job: Job) -> None:
        """Take a job."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Wait until a job has ended, or so long; how those that have ended did."""
        ...

    def close(self) -> None:
        """Stop all jobs that are left, and whatever runs them."""
        ...
