"""The training of the foreground network of the preset `paper`."""

from functools import partial

import pytest
import torch
from torch import nn

from rotoline.config import read_config
from rotoline.data.training_clips import Clip
from rotoline.errors import WeightsError
from rotoline.learning.losses import class_balanced_loss
from rotoline.systems.paper.segmentation import SegmentationNet
from rotoline.training import loop, paper_foreground
from rotoline.training.loop import run
from rotoline.training.paper_foreground import ForegroundRecipe, ForegroundTraining, FrameSamples
from rotoline.weights.files import save_weights

SHALLOW = (1, 1, 1, 1)
QUICK = (
    *("crop.height=32", "crop.width=64"),
    *("optimiser.learning_rate=1e-2", "optimiser.momentum=0.9"),
)
ABOUT = {"licence": "", "data": "four frames", "command": "", "commit": "", "seed": 0, "steps": 0}


def settings(*changes):
    return read_config(ForegroundTraining(), None, [*QUICK, *changes])


def train_foreground(net, clips, chosen, folder):
    return run(ForegroundRecipe(chosen).prepare(net, clips), folder)


def shallow_net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SegmentationNet(SHALLOW).eval()
    with torch.no_grad():  # as drawn they are so small that nothing moves for long
        net.feat.weight *= 20
        net.score.weight *= 20
    return net


def differing(one, other):
    assert one.keys() == other.keys()
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


@pytest.mark.parametrize("size", [(32, 64), (64, 32)])
def test_crop_is_as_large_as_the_frame_allows(size):
    """All of one side and a drawn part of the other, mirrored half of the time."""
    rows, cols = torch.meshgrid(torch.arange(96), torch.arange(144), indexing="ij")
    frame = torch.stack((0 * rows, cols, rows)).to(torch.uint8)  # tells where a pixel comes from
    clip = Clip("a", [frame, frame], [frame[0], frame[0]])
    still = (f"augmentation.{name}=0" for name in ("scale", "rotation", "shift"))
    config = settings(f"crop.height={size[0]}", f"crop.width={size[1]}", *still, "batch=8")
    frames, _ = FrameSamples([clip], config).make(0, 0.0)
    zoom = min(96 / size[0], 144 / size[1])
    begins, mirrored = {96: set(), 144: set()}, set()
    for _, cols, rows in frames:
        row, col = rows[:, 5], cols[5]
        mirrored.add(is_mirrored := bool(col[0] > col[-1]))
        for line, extent in ((row, 96), (col.flip(0) if is_mirrored else col, 144)):
            steps = torch.full((len(line) - 1,), zoom)
            torch.testing.assert_close(line.diff(), steps, rtol=0, atol=1e-3)
            begin = float(line[0]) + 0.5 - zoom / 2  # of the crop, in pixels of the frame
            assert -1e-3 <= begin <= extent - zoom * len(line) + 1e-3
            begins[extent].add(round(begin, 1))
    assert mirrored == {False, True}
    assert sorted(len(found) for found in begins.values()) == [1, 8]


@pytest.mark.slow
def test_training_lowers_the_loss(clips, tmp_path):
    """On samples that it was not trained on; batch statistics stay as they are."""
    config = settings("steps=20", "optimiser.learning_rate=3e-2", "optimiser.halve_every=8")
    net = shallow_net()
    start = {name: value.clone() for name, value in net.state_dict().items()}
    unseen = config.model_copy(update={"seed": 9, "batch": 8})
    first, others = (FrameSamples(clips, chosen).make(0, 0.0) for chosen in (config, unseen))

    @torch.no_grad()
    def loss(sample):
        frames, masks = sample
        return float(class_balanced_loss(net.eval()(frames), masks))

    before, at_first = loss(others), loss(first)
    records = list(train_foreground(net, clips, config, tmp_path))
    assert loss(others) < 0.8 * before
    assert records[0]["loss"] == pytest.approx(at_first, rel=1e-3)
    assert differing(start, net.state_dict()) == {name for name, _ in net.named_parameters()}
    rates = [3e-2] * 8 + [1.5e-2] * 8 + [7.5e-3] * 4
    assert [record["learning_rate"] for record in records] == pytest.approx(rates)


def test_second_process_takes_the_odd_samples_and_writes_nothing(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "process_rank", lambda: 1)
    monkeypatch.setattr(loop, "process_count", lambda: 2)
    make, made = FrameSamples.make, []
    monkeypatch.setattr(
        FrameSamples, "make", lambda self, number, at: made.append(number) or make(self, number, at)
    )
    config = settings("steps=3")
    assert len(list(train_foreground(shallow_net(), clips, config, tmp_path))) == 3
    assert made == [1, 3, 5]
    assert list(tmp_path.iterdir()) == []


def initialise(start):
    return ForegroundRecipe(settings(), start).initialise()


@pytest.mark.slow
def test_training_begins_with_a_backbone_or_a_former_network(tmp_path, monkeypatch):
    monkeypatch.setattr(paper_foreground, "SegmentationNet", partial(SegmentationNet, SHALLOW))
    former = shallow_net(seed=3)
    starts = {"backbone": former.backbone, "former": nn.ModuleDict({"foreground": former})}
    for name, net in starts.items():
        save_weights(tmp_path / f"{name}.safetensors", net, ABOUT)
    halves = {name: value.half().float() for name, value in former.state_dict().items()}
    found, origin = initialise(tmp_path / "former.safetensors")
    assert differing(halves, found.state_dict()) == set()
    assert origin.startswith("former, ")
    assert "(four frames)" in origin
    found, _ = initialise(tmp_path / "backbone.safetensors")
    assert differing(halves, found.state_dict()) == {"feat.weight", "score.weight"}
    fresh, origin = initialise(None)
    assert origin == "nothing"
    assert not fresh.backbone.layer1[0].bn3.weight.any()  # a block starts as its shortcut
    save_weights(tmp_path / "other.safetensors", nn.Linear(2, 2), ABOUT)
    with pytest.raises(WeightsError, match="neither a ResNet-101 nor a foreground network"):
        initialise(tmp_path / "other.safetensors")
