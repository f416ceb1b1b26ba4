import numpy as np
import pytest
import torch

from rotoline.errors import InputError, KernelError
from rotoline.kernels import dispatch
from rotoline.kernels.propagation import (
    DIRECTIONS,
    candidates,
    propagate,
    reference,
    signed_gates,
    softmax_gates,
    vectorised,
)

SIZES = [(1, 1, 1, 1), (1, 2, 1, 6), (2, 1, 5, 1), (2, 3, 4, 5)]


def draw(shape, kind="signed", shared=True, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    batch, _, height, width = shape
    x = torch.rand(shape, generator=generator, dtype=dtype)
    ways = 4 if kind == "softmax" else 3
    gates = torch.randn(
        (1 if shared else batch, 4, ways, height, width), generator=generator, dtype=dtype
    )
    return x, softmax_gates(gates) if kind == "softmax" else signed_gates(gates)


def test_matches_hand_worked_case():
    x = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]]])
    gates = torch.zeros(1, 4, 3, 2, 3)
    gates[:, 0, 0] = 0.5  # to the right, from the row above
    gates[:, 0, 1] = 0.25  # and from the same row
    right = propagate(x, gates, merge="none")[0, 0, 0]
    # Row 0 has no row above, so its share goes to x: h = .75 x + .25 h_before.
    # Row 1: h = .25 x + .5 h_before(row 0) + .25 h_before(row 1).
    expected = torch.tensor([[1.0, 0.25, 0.0625], [0.0, 0.25 * 2 + 0.5, 0.5 * 0.25 + 0.25]])
    torch.testing.assert_close(right, expected)


@pytest.mark.parametrize("kind", ["signed", "softmax"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("shape", SIZES)
def test_every_implementation_agrees(shape, shared, kind):
    x, gates = draw(shape, kind, shared)
    torch.testing.assert_close(vectorised.scan(x, gates), reference.scan(x, gates))
    single = vectorised.scan(x.float(), gates.float())
    torch.testing.assert_close(single.double(), reference.scan(x, gates), rtol=1e-5, atol=1e-5)


def test_agrees_with_dense_matrix():
    """Written as a matrix on the whole map, with the column recurrence spelled out."""
    x, gates = draw((1, 1, 4, 5))
    height, width = 4, 5
    matrix = np.zeros((width, height, width, height))
    g = gates[0, 0].numpy()
    for j in range(height):
        matrix[0, j, 0, j] = 1
    for t in range(1, width):
        for j in range(height):
            rest = 1.0
            for k, step in enumerate((-1, 0, 1)):
                if 0 <= j + step < height:
                    matrix[t, j] += g[k, j, t] * matrix[t - 1, j + step]
                    rest -= g[k, j, t]
            matrix[t, j, t, j] += rest
    columns = x[0, 0].numpy().T
    expected = np.einsum("tjui,ui->tj", matrix, columns).T
    np.testing.assert_allclose(propagate(x, gates, merge="none")[0, 0, 0].numpy(), expected)


def test_gradients():
    x, gates = draw((2, 2, 3, 4), shared=True)
    inputs = (x.requires_grad_(), gates.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: propagate(a, b, merge="none"), inputs)
    x, gates = draw((2, 1, 4, 3), shared=False, seed=1)
    inputs = (x.requires_grad_(), gates.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: propagate(a, b, merge="max"), inputs)


def test_mirrored_input_gives_mirrored_output():
    x, gates = draw((1, 1, 4, 6))
    right = propagate(x, gates, merge="none")[0]
    swapped = gates[:, [1, 0, 2, 3]].flip(-1)
    left = propagate(x.flip(-1), swapped, merge="none")[1].flip(-1)
    torch.testing.assert_close(left, right)
    transposed = propagate(x.mT, gates[:, [2, 3, 0, 1]].mT, merge="none")
    torch.testing.assert_close(transposed[2].mT, right)


def test_constants_stay_and_softmax_gates_keep_the_range():
    x, gates = draw((1, 2, 7, 9), "softmax")
    once = propagate(x, gates)
    assert once.min() >= x.min() - 1e-12
    assert once.max() <= x.max() + 1e-12
    _, signed = draw((1, 2, 7, 9), "signed")
    constant = torch.full_like(x, 0.3)
    torch.testing.assert_close(propagate(constant, signed), constant)


def test_non_contiguous_and_empty_inputs():
    x, gates = draw((2, 3, 4, 5))
    view = x.permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2)
    torch.testing.assert_close(propagate(view, gates), propagate(x, gates))
    assert propagate(x[:0], gates).shape == (0, 3, 4, 5)


def test_refuses_bad_input():
    x, gates = draw((1, 1, 4, 5))
    with pytest.raises(InputError, match="needs"):
        propagate(x, gates[..., :4])
    with pytest.raises(InputError, match="float"):
        propagate(x.long(), gates)


def test_implementation_can_be_asked_for_by_name(monkeypatch):
    x, gates = draw((1, 1, 3, 3))
    expected = propagate(x, gates)
    monkeypatch.setenv(dispatch.VARIABLE, "reference")
    assert dispatch.choose(candidates()) == "reference"
    torch.testing.assert_close(propagate(x, gates), expected)
    monkeypatch.setenv(dispatch.VARIABLE, "quantum")
    with pytest.raises(KernelError, match="vectorised"):
        propagate(x, gates)
    assert len(DIRECTIONS) == 4
