"""Measure many clips, in this process or in several; each is written as soon as it is measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch

from rotoline.errors import ConfigError
from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.feature_cache import CachedSystem
from rotoline.evaluation.measure import ClipMeasurement, MeasuredClip, clip_label
from rotoline.evaluation.results import write_record
from rotoline.model import Model, load_model
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig

Result = TypeVar("Result")

Measured = dict[str, MeasuredClip]
"""The measures of one clip by the name of the configuration."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A clip, and the weights to segment it with."""

    clip: EvaluationClip
    """The clip."""
    weights: Path | None
    """A weights file, or None for the one that ships."""
    weights_name: str = ""
    """Which of several weights they are; see `ClipMeasure.weights`."""

    @property
    def label(self) -> str:
        """What tells it from the others; see `ClipMeasure.label`."""
        return clip_label(self.clip.name, self.weights_name)


def load_models(subjects: Sequence[Subject], preset: str) -> dict[str, Model]:
    """Load the weights of some subjects, by the name of the weights.

    Raises:
        WeightsError: A file is missing, damaged or of another preset.
    """
    weights = {subject.weights_name: subject.weights for subject in subjects}
    return {name: load_model(path, preset) for name, path in weights.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One clip to measure with some weights, under one configuration or several."""

    subject: Subject
    """The clip and the weights."""
    configs: Mapping[str, SystemConfig]
    """The configurations by name, all of one preset. Only the first is timed: it computes
    everything, and the others take from a cache what they have in common with it."""
    files: Mapping[str, Path]
    """The file for the measures under each configuration."""

    @property
    def frames(self) -> int:
        """Number of frames to segment."""
        return len(self.configs) * len(self.subject.clip.frame_names)

    def load_model(self) -> Model:
        """Load the weights."""
        return load_model(self.subject.weights, next(iter(self.configs.values())).preset)


def make_tasks(
    subjects: Sequence[Subject], configs: Mapping[str, SystemConfig], output: Path
) -> list[Task]:
    """Return a task for each clip.

    Args:
        subjects: Clips and weights.
        configs: The configurations by name; each gets a folder of that name below `output`, and
            one whose name is empty `output` itself.
        output: The folder of the run. There, clips/NAME.json has the measures of a clip; in
            clips/WEIGHTS/NAME.json if the weights have a name.
    """
    return [
        Task(
            subject=one,
            configs=configs,
            files={
                name: output / name / "clips" / one.weights_name / f"{one.clip.name}.json"
                for name in configs
            },
        )
        for one in subjects
    ]


class Measurements:
    """Clips being measured: iterate over `run`, then take `measured`.

    Args:
        tasks: What to measure.
        jobs: Number of processes, each of which measures one clip at a time with one thread; 1 for
            this process, with as many threads as PyTorch uses. The results do not depend on it but
            for the rounding of sums, which depends on the number of threads.

    Raises:
        ConfigError: `jobs` is below 1.
    """

    total: int
    """Number of frames to segment."""

    def __init__(self, tasks: Sequence[Task], jobs: int = 1) -> None:
        if jobs < 1:
            raise ConfigError(f"--jobs is {jobs}; give the number of processes, 1 or more")
        self._tasks, self._jobs = tasks, min(jobs, len(tasks))
        self.total = sum(task.frames for task in tasks)
        self._measured: dict[int, Measured] = {}

    @property
    def measured(self) -> list[Measured]:
        """The measures, in the order of the tasks."""
        return [self._measured[index] for index in range(len(self._tasks))]

    def run(self) -> Iterator[Progress]:
        """Measure the clips, and write the files of each as soon as it is measured.

        Yields:
            Progress: once a frame in this process, once a clip in several.

        Raises:
            ConfigError: A process was ended from outside.
            RotolineError: Input, settings or output cannot be used.
        """
        return self._run_here() if self._jobs <= 1 else self._run_in_processes()

    def _run_here(self) -> Iterator[Progress]:
        done = count(1)
        models: dict[Path | None, Model] = {}
        for index, task in enumerate(self._tasks):
            weights = task.subject.weights
            if weights not in models:
                models[weights] = task.load_model()
            measured = self._measured[index] = {}
            for _ in _measure(task, models[weights], measured):
                yield Progress("segmenting", next(done), self.total)

    def _run_in_processes(self) -> Iterator[Progress]:
        done = 0
        # The longest clips first, so that no process has to finish one alone at the end.
        order = sorted(range(len(self._tasks)), key=lambda index: -self._tasks[index].frames)
        yield Progress("segmenting", done, self.total)
        tasks = [(_measure_alone, (self._tasks[index],)) for index in order]
        for at, measured in call_in_processes(tasks, self._jobs):
            self._measured[order[at]] = measured
            done += self._tasks[order[at]].frames
            yield Progress("segmenting", done, self.total)


def call_in_processes(
    calls: Sequence[tuple[Callable[..., Result], tuple[Any, ...]]], jobs: int
) -> Iterator[tuple[int, Result]]:
    """Call functions in several processes, with one thread each.

    Args:
        calls: Functions that can be pickled, with their arguments.
        jobs: Number of processes.

    Yields:
        The index of each call and its result, as soon as it is done.

    Raises:
        ConfigError: A process was ended from outside.
    """
    executor = ProcessPoolExecutor(jobs, get_context("spawn"), torch.set_num_threads, (1,))
    try:
        futures = {
            executor.submit(function, *arguments): index
            for index, (function, arguments) in enumerate(calls)
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise ConfigError(
            "a process that measured a clip was ended from outside, probably because memory "
            "was short; give fewer --jobs, or free memory"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _measure_alone(task: Task) -> Measured:
    """Measure one task from its beginning to its end."""
    measured: Measured = {}
    for _ in _measure(task, task.load_model(), measured):
        pass
    return measured


def _measure(task: Task, model: Model, measured: Measured) -> Iterator[int]:
    """Measure one task into `measured`, and write its files; yields once a frame."""
    if len(task.configs) > 1:
        model = Model(CachedSystem(model.system), model.record, model.config)
    for name, config in task.configs.items():
        measurement = ClipMeasurement(model, config, task.subject.clip, task.subject.weights_name)
        yield from measurement.run()
        found = measurement.result()
        if measured:
            found = MeasuredClip(found.clip, found.measure.untimed(), found.worst)
        write_record(task.files[name], found.measure)
        measured[name] = found
