"""Items in processes of this machine, which share its cores and its GPUs."""

import math
import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from rotoline.batch.item import run_job
from rotoline.batch.jobs import Job, Outcome
from rotoline.batch.worker import Worker
from rotoline.errors import ConfigError


def cores() -> int:
    """Number of cores that this process may use: those that exist, or a container's share."""
    try:
        number = len(os.sched_getaffinity(0))
    except AttributeError:  # no such call on macOS
        number = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(number, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control groups, or no limit ("max")
        return number


class LocalEngine:
    """A thread for each worker; the worker is a process, which the thread watches.

    Args:
        workers: Number of workers.
        threads: Threads of each.
        gpus: GPUs of each; less than 1 for a share, 0 for none.

    Raises:
        ConfigError: There are not so many GPUs.
    """

    def __init__(self, workers: int, threads: int = 1, gpus: float = 0) -> None:
        self.most = workers
        self._workers = [Worker(threads, devices) for devices in share_gpus(workers, gpus)]
        self._idle = queue.SimpleQueue[Worker]()
        for worker in self._workers:
            self._idle.put(worker)
        self._is_stopped = threading.Event()
        self._threads = ThreadPoolExecutor(workers)
        self._jobs: set[Future[Outcome]] = set()

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs.add(self._threads.submit(self._run, job))

    def wait(self, seconds: float) -> list[Outcome]:
        """Wait until a job has ended, or so long; how those that have ended did."""
        ended, self._jobs = wait(self._jobs, seconds, FIRST_COMPLETED)
        return [one.result() for one in ended]

    def close(self) -> None:
        """Stop all jobs that are left, and the workers."""
        self._is_stopped.set()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def _run(self, job: Job) -> Outcome:
        worker = self._idle.get()  # there are as many as threads
        try:
            return run_job(job, worker, self._is_stopped.is_set)
        finally:
            self._idle.put(worker)


def share_gpus(workers: int, gpus: float) -> Sequence[str]:
    """The value of `CUDA_VISIBLE_DEVICES` for each worker.

    Raises:
        ConfigError: There are not so many GPUs.
    """
    if not gpus:
        return [""] * workers
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = given.split(",") if given else [str(i) for i in range(torch.cuda.device_count())]
    if workers * gpus > len(names) or (gpus > 1 and gpus != int(gpus)):
        raise ConfigError(
            f"{workers} workers of {gpus:g} GPUs need {workers * gpus:g}, and this machine has "
            f"{len(names)}; give fewer --workers, or --gpus such as 1, 2, or a share such as 0.5"
        )
    if gpus < 1:
        return [names[int(worker * gpus)] for worker in range(workers)]
    each = int(gpus)
    return [",".join(names[worker * each : (worker + 1) * each]) for worker in range(workers)]
