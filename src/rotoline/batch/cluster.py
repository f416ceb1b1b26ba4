"""Items as tasks of Ray, on many machines.

Plain tasks and `ray.wait`, no actors: a pool of actors ends the whole batch where a machine is
lost. The process of Ray that runs a task holds no network. It watches a worker of its own, which
it keeps for the next task, so that a clip that crashes takes neither with it.
"""

import os
from typing import Any

from rotoline.batch.item import run_job
from rotoline.batch.jobs import Job, Means, Outcome
from rotoline.batch.worker import Worker
from rotoline.errors import ConfigError
from rotoline.extras import import_extra

MOST = 1_000
"""Number of tasks that Ray holds at once; more would only wait there instead of here."""
_SECONDS_TO_STOP = 5.0

_workers: dict[tuple[int, str | None], Worker] = {}
"""The worker of this process of Ray."""


class RayEngine:
    """A task of Ray for each item.

    Args:
        address: Of the cluster; `auto` for the one that this machine belongs to, `local` for a new
            one on this machine.
        means: What a task needs.
        most: How many items run at once; None for as many as fit.

    Raises:
        ConfigError: Ray is not installed, there is no such cluster, or none of its machines has so
            many cores.
    """

    def __init__(self, address: str, means: Means, most: int | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address != "local":  # the default is to try for a quarter of an hour
            os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
        self._ray = import_extra("ray", "--cluster", "cluster")
        self.most = most or MOST
        own: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="error", **own)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"cannot reach the cluster {address} ({str(error).splitlines()[0]}); start it with "
                "'ray start --head', or give its address, such as 10.0.0.1:6379"
            ) from error
        self._refuse_small_machines(means)
        self._task = self._ray.remote(_run).options(
            num_cpus=means.threads,
            num_gpus=means.gpus,
            max_retries=0,  # the driver counts them
            **({"memory": means.memory_limit} if means.memory_limit else {}),
        )
        self._jobs: dict[Any, str] = {}

    def _refuse_small_machines(self, means: Means) -> None:
        """Refuse what would wait for ever; a cluster that is still empty may grow."""
        cores = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        if 0 < max(cores) < means.threads:
            self._ray.shutdown()
            raise ConfigError(
                f"--threads is {means.threads}, and no machine of the cluster has more than "
                f"{max(cores):g} cores; give fewer"
            )

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs[self._task.remote(job)] = job.item.id

    def wait(self, seconds: float) -> list[Outcome]:
        """Wait until a job has ended, or so long; how those that have ended did."""
        if not self._jobs:
            return []
        tasks = list(self._jobs)
        ended, _ = self._ray.wait(tasks, num_returns=1, timeout=seconds)
        if ended:
            ended, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        return [self._outcome(task) for task in ended]

    def close(self) -> None:
        """Stop all tasks that are left, and leave the cluster."""
        for task in self._jobs:
            self._ray.cancel(task)
        if self._jobs:
            tasks = list(self._jobs)
            self._ray.wait(tasks, num_returns=len(tasks), timeout=_SECONDS_TO_STOP)
        self._ray.shutdown()

    def _outcome(self, task: Any) -> Outcome:
        name = self._jobs.pop(task)
        try:
            outcome: Outcome = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            text = str(error).strip().splitlines() or [type(error).__name__]
            return Outcome(
                id=name,
                status="failed",
                kind="lost",
                error=f"the machine or the process that worked on it was lost: {text[0]}",
                log=tuple(text[-10:]),
            )
        return outcome


def _run(job: Job) -> Outcome:
    """Segment an item in the worker of this process, which Ray may have given other GPUs now."""
    wanted = job.means.threads, os.environ.get("CUDA_VISIBLE_DEVICES") if job.means.gpus else ""
    for key in _workers.keys() - {wanted}:
        _workers.pop(key).close()
    if wanted not in _workers:
        _workers[wanted] = Worker(*wanted)
    return run_job(job, _workers[wanted])
