"""Jobs, and a worker that segments in this process."""

import io

import pytest

import rotoline
from rotoline.batch import child
from rotoline.batch.driver import Batch
from rotoline.batch.item import run_job
from rotoline.batch.jobs import Means
from rotoline.batch.manifest import read_manifest
from rotoline.batch.prepare import configs_of, recipe_of
from rotoline.batch.worker import Answer
from rotoline.config import read_config
from rotoline.presets import FAST


class WorkerHere:
    """Answers like `rotoline.batch.worker.Worker`, and remembers what it was asked."""

    pid = None
    is_ready = True

    def __init__(self, model):
        self.asked = []
        self._segmenter = child.Segmenter(io.StringIO())
        self._segmenter._models[None, "fast"] = model

    def ask(self, request, check, report):
        self.asked.append(request)
        report("segmenting", 1, 3)
        if reason := check():
            return Answer("limit", reason)
        try:
            self._segmenter.segment(request)
        except Exception as error:  # noqa: BLE001
            return Answer(type(error).__name__, str(error), ("the log",), False)
        return Answer()


@pytest.fixture
def worker(model):
    return WorkerHere(model)


@pytest.fixture
def make_batch(tmp_path):
    """A function that makes the batch of a manifest; without reports, which take time."""

    def make(manifest, *assignments, root=None, means=None, **options):
        root = str(tmp_path / "out") if root is None else root
        config = read_config(FAST, None, ["working_pixels=9216", "tuning.steps=0", *assignments])
        items = read_manifest(manifest, root)
        about = {name: options.pop(name) for name in ("retries", "retry_failed") if name in options}
        recipe = recipe_of(config, None, ["png", "scores"], **{"reports": False, **options})
        means = means or Means(threads=1, beat=0.1, scratch=tmp_path / "scratch")
        configs = configs_of(items, config, manifest)
        return Batch(manifest, root, items, configs, recipe, means, **about)

    return make


@pytest.fixture
def run_item(worker):
    """A function that runs the job of the first item of a batch in this process."""

    def run(batch, **more):
        job = batch.job(batch.items[0]).model_copy(update=more)
        assert job.version == rotoline.__version__
        return run_job(job, worker)

    return run
