"""The training of the spatial propagation network of the preset `paper`."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from rotoline.config import read_config
from rotoline.errors import WeightsError
from rotoline.systems.paper.network import PaperNet
from rotoline.systems.paper.spn import CHANNELS
from rotoline.training import paper_spn
from rotoline.training.loop import run
from rotoline.training.paper_spn import (
    CropSamples,
    PretrainedWeights,
    SpnRecipe,
    SpnTraining,
    coarse_scores,
)
from rotoline.weights.files import save_weights

QUICK = (
    *("steps=12", "batch=2", "crop.height=32", "crop.width=64", "short_side=96"),
    "optimiser.learning_rate=1e-2",
)
ABOUT = {"licence": "", "data": "", "command": "", "commit": "", "seed": 0, "steps": 0}


def settings(*changes):
    return read_config(SpnTraining(), None, [*QUICK, *changes])


def recipe(tmp_path, encoder=None, *changes):
    return SpnRecipe(settings(*changes), PretrainedWeights(tmp_path / "none", encoder))


class SmallGuidance(nn.Module):
    """In place of the decoder on VGG-16: an encoder and gates of a few thousand weights."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 2, stride=2)
        self.gate = nn.Conv2d(8, 4 * 3 * CHANNELS, 3, padding=1)

    def forward(self, frames):
        return self.gate(self.encoder(frames / 255).relu()).unflatten(1, (4, 3, CHANNELS))


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = PaperNet((1, 1, 1, 1)).requires_grad_(False).eval()
        made.spn.guidance = SmallGuidance()
    return made


def copied(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def differing(one, other):
    assert one.keys() == other.keys()
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


def test_two_pictures_have_their_own_rules(net):
    """What counts in the first is a red square, in the second a blue one; both show both."""
    generator = torch.Generator().manual_seed(0)
    views = 100 + 20 * torch.rand(2, 2, 3, 64, 96, generator=generator)
    red, blue = torch.zeros(2, 2, 64, 96), torch.zeros(2, 2, 64, 96)
    red[:, 0, 8:32, 8:32] = red[:, 1, 32:56, 56:80] = 1
    blue[:, 0, 32:56, 56:80] = blue[:, 1, 8:32, 32:56] = 1
    for channel, masks in ((0, red), (2, blue)):
        for other in range(3):
            views[:, :, other][masks > 0] = 240.0 if other == channel else 20.0
    masks = torch.stack((red[0], blue[1]))
    coarse = coarse_scores(net.foreground, views, masks[:, 0])[:, 0]
    for score, mask in zip(coarse > 0.5, masks[:, 1] > 0, strict=True):
        assert (score & mask).sum() / (score | mask).sum() > 0.6
    absent = coarse_scores(net.foreground, views, torch.zeros_like(masks[:, 0]))
    assert absent.max() < 0.5


@pytest.mark.slow
def test_training_lowers_the_loss_of_the_propagation_network_alone(net, clips, tmp_path):
    """On crops that it was not trained on, from a network that is sure of nothing."""
    start, spn = copied(net.foreground), net.spn
    with torch.no_grad():
        spn.out_conv.weight *= 0.1
    unseen = settings("seed=9", "batch=6")
    first, others = (CropSamples(clips, chosen).make(0, 0.0) for chosen in (settings(), unseen))

    @torch.no_grad()
    def loss(crops):
        scores = coarse_scores(net.foreground, crops.views, crops.masks[:, 0])
        logits = spn(scores, spn.gates(crops.views[:, 1]))
        return float(functional.cross_entropy(logits, crops.masks[:, 1].long()))

    before, at_first = loss(others), loss(first)
    records = list(run(recipe(tmp_path).prepare(net, clips), tmp_path))
    assert loss(others) < 0.7 * before
    assert records[0]["loss"] == pytest.approx(at_first, rel=1e-3)
    assert differing(start, net.foreground.state_dict()) == set()
    rates = [1e-2 * (1 - step / 12) ** 0.5 for step in range(12)]
    assert [record["learning_rate"] for record in records] == pytest.approx(rates)


def test_encoder_learns_at_its_share_of_the_rate(net, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(paper_spn, "ENCODER_LR_FACTOR", 0.0)
    start = copied(net.spn)
    list(run(recipe(tmp_path, None, "steps=1").prepare(net, clips), tmp_path))
    kept = start.keys() - differing(start, net.spn.state_dict())
    assert kept == {"guidance.encoder.weight", "guidance.encoder.bias"}


@pytest.mark.slow
def test_training_starts_from_an_encoder_or_from_an_earlier_network(tmp_path):
    former, origin = recipe(tmp_path).initialise_spn()
    assert origin == "nothing"
    save_weights(tmp_path / "vgg.safetensors", former.guidance.encoder, ABOUT)
    save_weights(tmp_path / "paper.safetensors", nn.ModuleDict({"spn": former}), ABOUT)
    halves = {name: value.half().float() for name, value in former.state_dict().items()}
    found, origin = recipe(tmp_path, tmp_path / "paper.safetensors", "seed=1").initialise_spn()
    assert differing(halves, found.state_dict()) == set()
    assert origin.startswith("paper, ")
    found, _ = recipe(tmp_path, tmp_path / "vgg.safetensors", "seed=1").initialise_spn()
    changed = differing(halves, found.state_dict())
    assert "lift.weight" in changed
    assert not any(name.startswith("guidance.encoder.") for name in changed)
    save_weights(tmp_path / "other.safetensors", nn.Linear(2, 2), ABOUT)
    with pytest.raises(WeightsError, match="neither a VGG-16 nor a propagation network"):
        recipe(tmp_path, tmp_path / "other.safetensors").initialise_spn()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.slow
def test_training_does_not_start_from_weights_with_the_other_gates(tmp_path, signed):
    """The tensors of both kinds have the same names and shapes; the record says which it is."""
    former, _ = recipe(tmp_path, None, f"signed_gates={str(signed).lower()}").initialise_spn()
    about = {**ABOUT, "network_options": {"signed_gates": True} if signed else {}}
    path = tmp_path / "paper.safetensors"
    save_weights(path, nn.ModuleDict({"spn": former}), about)
    recipe(tmp_path, path, f"signed_gates={str(signed).lower()}").initialise_spn()
    with pytest.raises(WeightsError, match="same kind of gates"):
        recipe(tmp_path, path, f"signed_gates={str(not signed).lower()}").initialise_spn()
