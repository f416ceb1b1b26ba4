"""A whole training, with a recipe of two numbers in place of a network."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from rotoline.errors import ConfigError, OutputError, WeightsError
from rotoline.training import session
from rotoline.training.checkpoints import TrainingState
from rotoline.training.loop import TrainingRun
from rotoline.training.session import Exported, train
from rotoline.training.settings import Crop, Optimiser, TrainingSettings
from rotoline.weights.files import read_weights


@dataclass
class LineRecipe:
    """Fit a line through 2x + 1, at points that depend on the step alone."""

    steps: int = 5
    learning_rate: float = 0.25
    origin: str | None = "a ruler"
    seen: list = field(default_factory=list)
    file_name = "line.safetensors"
    uses_gpu = False
    short_side = 48

    @property
    def settings(self):
        rate = Optimiser(learning_rate=self.learning_rate, weight_decay=0, max_gradient_norm=1e9)
        return TrainingSettings(
            steps=self.steps, seed=3, crop=Crop(height=32, width=32), optimiser=rate
        )

    def initialise(self):
        if self.origin is None:
            raise WeightsError("there is no ruler")
        net = nn.Linear(1, 1)
        nn.init.zeros_(net.weight)
        nn.init.zeros_(net.bias)
        return net, self.origin

    def prepare(self, net, clips):
        self.seen += [(clip.name, clip.frames[0].shape[-2:]) for clip in clips]
        rate = self.learning_rate
        groups = [{"params": list(net.parameters()), "peak_lr": rate}]
        return TrainingRun(
            TrainingState(net, None, torch.optim.SGD(groups, lr=rate, momentum=0.5)),
            self.settings,
            sample=lambda number, progress: torch.tensor([[number % 3 - 1.0]]),
            loss=lambda x: {"error": (net(x) - 2 * x - 1).square().mean()},
            lr_factor=lambda step: 0.5**step,
            checkpoint_every=2,
        )

    def export(self, net):
        return Exported(nn.ModuleDict({"line": net}), {"is_straight": True})


@pytest.fixture
def data(tmp_path, clips, write_data):
    write_data(tmp_path / "data", clips)
    return tmp_path / "data"


def test_weights_come_with_a_record_of_what_made_them(data, tmp_path):
    recipe = LineRecipe()
    out = tmp_path / "new" / "out"
    records = list(train(recipe, data, out, leave_out=["a"], command="rotoline train line"))
    assert recipe.seen == [("b", (48, 72))]
    record, state = read_weights(out / "line.safetensors")
    assert set(state) == {"line.weight", "line.bias"}
    assert (record.name, record.seed, record.steps) == ("line", 3, 5)
    assert record.command == "rotoline train line"
    assert record.network_options == {"is_straight": True}
    assert record.data.startswith("1 sequences")
    assert record.data.endswith("start: a ruler")
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines == records
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 4]
    assert [line["learning_rate"] for line in lines] == [0.25 * 0.5**step for step in range(5)]
    assert list(lines[0]) == ["step", "error", "gradient_norm", "learning_rate", "seconds"]
    # At x = -1 the target is -1 and the line is at 0: the gradient is (-2, 2).
    assert lines[0]["error"] == 1
    assert lines[0]["gradient_norm"] == pytest.approx(8**0.5, abs=1e-4)


def test_resumed_training_writes_the_same_weights(data, tmp_path):
    list(train(LineRecipe(), data, tmp_path / "whole"))
    stopped = train(LineRecipe(), data, tmp_path / "parts")
    for _ in range(3):  # the checkpoint is of step 2
        next(stopped)
    stopped.close()
    assert not (tmp_path / "parts" / "line.safetensors").exists()
    resumed = list(train(LineRecipe(), data, tmp_path / "parts"))
    assert [record["step"] for record in resumed] == [2, 3, 4]
    whole, parts = (read_weights(tmp_path / n / "line.safetensors")[1] for n in ("whole", "parts"))
    assert {name: value.item() for name, value in whole.items()} == {
        name: value.item() for name, value in parts.items()
    }
    log = (tmp_path / "parts" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [0, 1, 2, 3, 4]


def test_training_that_diverges_says_what_to_lower(data, tmp_path):
    with pytest.raises(ConfigError, match=r"lower optimiser.learning_rate"):
        list(train(LineRecipe(steps=100, learning_rate=1e30), data, tmp_path / "out"))
    assert not (tmp_path / "out" / "line.safetensors").exists()


def test_processes_are_left_however_a_training_ends(data, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(session, "start_processes", lambda device: calls.append(device.type))
    monkeypatch.setattr(session, "stop_processes", lambda: calls.append("stopped"))
    with pytest.raises(WeightsError, match="no ruler"):
        next(train(LineRecipe(origin=None), data, tmp_path / "out"))
    list(train(LineRecipe(), data, tmp_path / "out"))
    assert calls == ["cpu", "stopped"] * 2


def test_only_the_first_process_writes_weights(data, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "process_rank", lambda: 1)
    list(train(LineRecipe(), data, tmp_path / "out"))
    assert not (tmp_path / "out" / "line.safetensors").exists()


def test_output_that_cannot_be_a_folder_is_refused(data, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="choose another"):
        next(train(LineRecipe(), data, Path(tmp_path / "out")))
