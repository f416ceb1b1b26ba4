"""Features of a frame, made by hand or drawn at random, without running the encoder."""

import pytest
import torch

from rotoline.systems.fast.encoder import (
    COARSE_GUIDANCE,
    DECODED,
    GLOBAL_KEYS,
    GUIDANCE,
    LIFTED,
    LOCAL_KEYS,
    WIDTH,
    Features,
)


@pytest.fixture
def make_features():
    """A function that gives random features of one frame, with maps of `(h, w)`."""

    def make(h, w, dtype=torch.float64):
        generator = torch.Generator().manual_seed(0)

        def draw(*shape):
            return torch.randn(*shape, generator=generator, dtype=dtype)

        def unit(*shape):
            return torch.nn.functional.normalize(draw(*shape), dim=1)

        return Features(
            embedding=draw(1, WIDTH, h, w),
            guidance=draw(1, GUIDANCE, h, w),
            coarse_guidance=draw(1, COARSE_GUIDANCE, h // 2, w // 2),
            gates=draw(1, 4, 4, h, w).softmax(2)[:, :, :3],
            edges=draw(1, LIFTED + DECODED, h, w),
            local_keys=unit(1, LOCAL_KEYS, h // 2, w // 2),
            global_keys=unit(1, GLOBAL_KEYS, h // 4, w // 4),
            objectness=draw(1, 1, h, w),
        )

    return make


@pytest.fixture
def randomise():
    """A function that gives every parameter of a network a random value, and makes it float64."""

    def fill(net, std=0.3):
        generator = torch.Generator().manual_seed(1)
        net = net.double().requires_grad_(False)
        for parameter in net.parameters():
            parameter.normal_(std=std, generator=generator)
        return net

    return fill
