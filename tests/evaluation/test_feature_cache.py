import torch

from rotoline.model import load_model
from rotoline.config import read_config
from rotoline.evaluation.feature_cache import cached
from rotoline.presets import PAPER


def test_remembered_features_change_no_bit(model, small, make_clip):
    pictures, labels = make_clip(frames=5, ids=(1, 2))
    variant = small.model_copy(
        update={"regions": small.regions.model_copy(update={"enabled": False})}
    )

    configs = (small, variant)

    def run(config):
        return list(model.segment(pictures, labels[0], config=config))

    plain = [result for config in configs for result in run(config)]
    again, passes = [], []
    with cached(model) as (same, memory):
        assert same is model
        for config in configs:
            again += run(config)
            passes.append(memory.passes)
        memory.forget()
        run(small)
    for before, after in zip(plain, again, strict=True):
        assert torch.equal(before.logits, after.logits)
        assert before.confidence == after.confidence
        assert (before.labels == after.labels).all()
    assert passes[0] == passes[1] >= len(pictures)
    assert memory.passes == 2 * passes[0]
    assert model.net.embedding is memory.embedding


def test_inputs_that_differ_in_shape_alone_are_told_apart(model):
    wide = torch.zeros(1, 3, 32, 64)
    with torch.inference_mode(), cached(model) as (_, memory):
        assert memory(wide).embedding.shape[-2:] == (8, 16)
        assert memory(wide.reshape(1, 3, 64, 32)).embedding.shape[-2:] == (16, 8)
        assert memory(wide) is memory(wide.clone())
    assert memory.passes == 2


def test_what_the_paper_preset_learns_and_propagates_is_remembered_to_the_bit(
    paper_weights, make_clip
):
    pictures, labels = make_clip(frames=3, ids=(1, 2))
    model = load_model(paper_weights, "paper")
    base = ["foreground.pixels=6144", "adapt.steps=2", "regions.enabled=false"]
    free = [*base, "foreground.limit=false"]  # untrained networks find no foreground
    propagated, coarse, *_ = configs = [
        read_config(PAPER, None, settings)
        for settings in (
            free,
            [*free, "propagate.enabled=false"],
            base,
            [*base, "adapt.foreground=false"],
            [*free, "regions.enabled=true"],
        )
    ]

    def run(model, config):
        return list(model.segment(pictures, labels[0], config=config))

    plain = [run(model, config) for config in configs]
    with cached(model) as (remembered, memory):
        again = [run(remembered, config) for config in configs]
        assert memory.passes == 1  # one learning for all
        memory.forget()
        run(remembered, configs[0])
        assert memory.passes == 2
    for before, after in zip(plain, again, strict=True):
        assert all(torch.equal(a.logits, b.logits) for a, b in zip(before, after, strict=True))
    assert not torch.equal(*(run(model, config)[2].logits for config in (propagated, coarse)))
