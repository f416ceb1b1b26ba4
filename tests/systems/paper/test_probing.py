"""Linear heads on a frozen network, on one small frame with two easy objects."""

import pytest
import torch

from rotoline.systems.paper.linear_probe import predict_probe
from rotoline.systems.paper.probing import LinearProbing, probe_objects
from rotoline.systems.paper.segmentation import upsample_logits


def fit(net, annotated, seed=0, **settings):
    config = LinearProbing(**settings)
    return probe_objects(net, annotated, config, precision="auto", seed=seed)


@pytest.mark.slow
def test_fitted_heads_separate_easy_objects(net, annotated):
    start = {name: value.clone() for name, value in net.state_dict().items()}
    probe = fit(net, annotated, views=3)
    frame, masks = annotated[0]
    with torch.inference_mode():
        logits = upsample_logits(predict_probe(probe, net.maps(frame))[:, None])[:, 0]
    for found, mask in zip(logits > 0, masks > 0, strict=True):
        assert (found & mask).sum() / (found | mask).sum() > 0.8
    assert all(torch.equal(value, start[name]) for name, value in net.state_dict().items())


@pytest.mark.slow
def test_seed_decides_the_views_and_so_the_heads(net, annotated):
    first, again, other = (
        fit(net, annotated, seed, views=2, max_iterations=3) for seed in (0, 0, 1)
    )
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


@pytest.mark.slow
def test_first_view_of_every_frame_is_the_frame_itself(net, annotated):
    """With one view the seed decides nothing."""
    first, other = (fit(net, annotated, seed, views=1, max_iterations=3) for seed in (0, 1))
    assert torch.equal(first.weight, other.weight)
