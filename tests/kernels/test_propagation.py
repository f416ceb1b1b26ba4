"""Every implementation does what the equations say, forward and backward, and is registered."""

import itertools
import shutil
import sys

import numpy as np
import pytest
import torch

from rotoline.errors import InputError, KernelError
from rotoline.kernels import dispatch, propagation
from rotoline.kernels.propagation import (
    DIRECTIONS,
    candidates,
    native,
    operator,
    propagate,
    reference,
    signed_gates,
)

SIZES = [(1, 1, 1, 1), (1, 2, 1, 6), (2, 1, 5, 1), (2, 3, 4, 5), (1, 2, 3, 19), (1, 1, 18, 3)]
OWN = {
    "shared": (False, False),
    "per image": (True, False),
    "per channel": (False, True),
    "per map": (True, True),
}


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


LAYOUTS = {
    "contiguous": lambda tensor: tensor,
    "transposed": lambda tensor: tensor.mT.contiguous().mT,
    "cut out": lambda tensor: torch.nn.functional.pad(tensor, (1, 2, 2, 1))[..., 2:-1, 1:-2],
}


def test_matches_hand_worked_cases(implementation):
    x = torch.arange(20.0, dtype=torch.float64).reshape(1, 1, 4, 5)
    gates = torch.zeros(1, 4, 3, 1, 4, 5, dtype=torch.float64)
    gates[:, 0, 1] = 1.0  # to the right: everything from the same row
    gates[:, 1, 0] = 0.5  # to the left: half from the row above
    gates[:, 2, 2] = 1.0  # down: everything from the right
    gates[:, 3, 1, :, 0] = 0.25  # up, in the last row that is reached
    right, left, down, up = implementation.scan(x, gates)[:, 0, 0]
    # Each row carries its first value.
    torch.testing.assert_close(right, x[0, 0, :, :1].expand(4, 5))
    # Row 0 has no row above and stays x; row 1 takes half of row 0, one column further right.
    torch.testing.assert_close(left[0], x[0, 0, 0])
    expected = 0.5 * x[0, 0, 1, :4] + 0.5 * x[0, 0, 0, 1:]
    torch.testing.assert_close(left[1, :4], expected)
    assert left[1, 4] == 9
    # The top row walks diagonally to the left; the last column has nothing to its right.
    torch.testing.assert_close(down[3], torch.tensor([3, 4, 9, 14, 19], dtype=torch.float64))
    torch.testing.assert_close(up[1:], x[0, 0, 1:])
    torch.testing.assert_close(up[0], 0.75 * x[0, 0, 0] + 0.25 * x[0, 0, 1])


def list_cases():
    """Implementation x shape x gate sets x layout x dtype x kind of gates."""
    axes = (SIZES, OWN, LAYOUTS, (torch.float64, torch.float32), ("softmax", "signed"))
    cases = list(itertools.product(*axes))
    few = cases[::19]
    assert all({case[axis] for case in few} == set(values) for axis, values in enumerate(axes))
    # Interpreted on the CPU a GPU kernel takes seconds: some cases, in which every value occurs.
    interpreted = cases if torch.cuda.is_available() else few
    return [
        *(pytest.param(name, *case) for name in ("vectorised", "native") for case in few),
        *(
            pytest.param(name, *case, marks=pytest.mark.slow)
            for name in ("vectorised", "native")
            for case in cases
            if case not in few
        ),
        *(pytest.param("gpu", *case, marks=pytest.mark.slow) for case in interpreted),
    ]


@pytest.mark.parametrize(
    ("implementation", "shape", "own", "layout", "dtype", "kind"),
    list_cases(),
    indirect=["implementation"],
)
def test_every_implementation_agrees(
    implementation, draw, tolerance, shape, own, layout, dtype, kind
):
    x, gates = (LAYOUTS[layout](part) for part in draw(shape, kind, OWN[own], dtype))
    h = reference.scan(x, gates)
    torch.testing.assert_close(implementation.scan(x, gates), h, **tolerance(dtype))
    gradient = LAYOUTS[layout](torch.sin(torch.arange(h.numel(), dtype=dtype)).reshape(h.shape))
    expected = reference.scan_backward(gradient, x, gates, h)
    found = implementation.scan_backward(gradient, x, gates, h)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **tolerance(dtype))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "shape",
    [
        *((1, 8, 1, 1), (1, 3, 18, 3)),
        *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((2, 8, 4, 5), (1, 16, 3, 19))),
    ],
)
@pytest.mark.parametrize("merge", ["max", "mean"])
@pytest.mark.parametrize(
    "name", [pytest.param("reference", marks=pytest.mark.slow), "vectorised", "native"]
)
def test_merged_results_agree_and_keep_the_layout(
    monkeypatch, draw, tolerance, name, merge, shape, layout, dtype
):
    if name == "native" and native.refusal("cpu"):
        pytest.skip(native.refusal("cpu"))
    monkeypatch.setenv(dispatch.VARIABLE, name)
    x, gates = draw(shape, dtype=dtype)
    x = x.contiguous(memory_format=layout)
    merged = propagate(x, gates, merge)
    assert merged.is_contiguous(memory_format=layout)
    scans = reference.scan(x, gates)
    expected = scans.amax(0) if merge == "max" else scans.mean(0)
    torch.testing.assert_close(merged, expected, **tolerance(dtype), check_stride=False)


def test_agrees_with_dense_matrix(implementation, draw):
    """The whole scan to the right as one matrix (equation 3), built from the recurrence."""
    x, gates = draw((1, 1, 4, 5), "signed")
    height, width = 4, 5
    matrix = np.zeros((width, height, width, height))
    g = gates[0, 0, :, 0].numpy()
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
    expected = np.einsum("tjui,ui->tj", matrix, x[0, 0].numpy().T).T
    np.testing.assert_allclose(implementation.scan(x, gates)[0, 0, 0].numpy(), expected)


@pytest.mark.slow
def test_mirrored_input_gives_mirrored_output(implementation, draw):
    x, gates = draw((1, 2, 4, 6), "signed")
    right = implementation.scan(x, gates)[0]
    left = implementation.scan(x.flip(-1), gates[:, [1, 0, 2, 3]].flip(-1))[1]
    torch.testing.assert_close(left.flip(-1), right)
    down = implementation.scan(x.mT, gates[:, [2, 3, 0, 1]].mT)[2]
    torch.testing.assert_close(down.mT, right)


def test_constants_stay_and_softmax_gates_keep_the_range(implementation, draw):
    x, gates = draw((1, 2, 7, 9), "softmax")
    h = implementation.scan(x, gates)
    assert h.min() >= x.min() - 1e-12
    assert h.max() <= x.max() + 1e-12
    _, signed = draw((1, 2, 7, 9), "signed")
    constant = torch.full_like(x, 0.3)
    torch.testing.assert_close(
        implementation.scan(constant, signed), constant.expand(4, -1, -1, -1, -1)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_computed_in_single_precision(draw, dtype):
    x, gates = draw((1, 2, 6, 30), dtype=dtype)
    expected = propagate(x.float(), gates.float(), merge="none")
    found = propagate(x, gates, merge="none")
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected.to(dtype))
    torch.testing.assert_close(propagate(x, gates), expected.to(dtype).amax(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vectorised", "native"])
@pytest.mark.parametrize("own", OWN)
def test_gradients(monkeypatch, draw, name, own):
    if name == "native" and native.refusal("cpu"):
        pytest.skip(native.refusal("cpu"))
    monkeypatch.setenv(dispatch.VARIABLE, name)
    x, gates = draw((2, 2, 3, 4), "signed", OWN[own])
    weights = torch.rand(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    inputs = tuple(part.requires_grad_() for part in (x, gates, weights))
    assert torch.autograd.gradcheck(lambda a, b, w: propagate(a, b, "none"), inputs)
    assert torch.autograd.gradcheck(lambda a, b, w: propagate(a, b, "max"), inputs)
    assert torch.autograd.gradcheck(propagate, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vectorised", "native"])
def test_operator_registration(monkeypatch, draw, name):
    if name == "native" and native.refusal("cpu"):
        pytest.skip(native.refusal("cpu"))
    monkeypatch.setenv(dispatch.VARIABLE, name)
    x, gates = draw((1, 8, 3, 4), "signed", dtype=torch.float32)
    h = operator.scan(x, gates)
    for sample in (x, channels_last(x), x.clone().requires_grad_()):
        torch.library.opcheck(operator.scan, (sample, gates))
    torch.library.opcheck(operator.scan_backward, (h, channels_last(x), gates, h))
    for sample in (x, channels_last(x), x.mT.contiguous().mT):
        torch.library.opcheck(operator.scan_merged, (sample, gates, "max"))


@pytest.mark.slow
def test_compiles_exports_and_runs_under_autocast(draw):
    x, gates = draw((1, 2, 4, 5), dtype=torch.float32)
    expected = propagate(x, gates)
    compiled = torch.compile(propagate, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, gates), expected)
    x.requires_grad_()
    compiled(x, gates).sum().backward()
    found, x.grad = x.grad, None
    propagate(x, gates).sum().backward()
    torch.testing.assert_close(found, x.grad)

    class Net(torch.nn.Module):
        def forward(self, x, gates):
            return propagate(x, gates, merge="mean")

    exported = torch.export.export(Net(), (x.detach(), gates))
    torch.testing.assert_close(exported.module()(x, gates), propagate(x, gates, merge="mean"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = propagate(x.bfloat16(), gates)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, expected, rtol=0.01, atol=0.01)


def test_merges(draw):
    x, gates = draw((2, 3, 4, 5))
    scans = propagate(x, gates, "none")
    torch.testing.assert_close(propagate(x, gates, "mean"), scans.mean(0))
    quarter = torch.full((4,), 0.25, dtype=x.dtype)
    torch.testing.assert_close(propagate(x, gates, quarter), scans.mean(0))
    weights = torch.zeros(4, 3, dtype=x.dtype)
    weights[2, 0] = weights[0, 1] = weights[3, 2] = 2.0
    expected = 2 * torch.stack((scans[2, :, 0], scans[0, :, 1], scans[3, :, 2]), dim=1)
    torch.testing.assert_close(propagate(x, gates, weights), expected)


def test_gates_shared_by_channels_may_leave_their_axis_out(draw):
    x, gates = draw((2, 3, 4, 5))
    torch.testing.assert_close(propagate(x, gates[:, :, :, 0]), propagate(x, gates))


@pytest.mark.parametrize("merge", ["max", "none"])
def test_empty_batch_and_empty_maps(draw, merge):
    x, gates = draw((2, 3, 4, 5))
    first = (4,) if merge == "none" else ()
    assert propagate(x[:0], gates, merge).shape == (*first, 0, 3, 4, 5)
    empty, cut = x[..., :0].requires_grad_(), gates[..., :0]
    result = propagate(empty, cut, merge)
    assert result.shape == (*first, 2, 3, 4, 0)
    result.sum().backward()
    assert empty.grad.shape == empty.shape


def test_signed_gates_keep_small_sums(draw):
    values = torch.tensor([0.2, -0.3, 0.1]).reshape(1, 1, 3, 1, 1).expand(1, 4, 3, 1, 1)
    torch.testing.assert_close(signed_gates(values), values)
    large = signed_gates(10 * values)
    torch.testing.assert_close(large.abs().sum(2), torch.ones(1, 4, 1, 1))


def test_refuses_bad_input(draw):
    x, gates = draw((2, 3, 4, 5))
    with pytest.raises(InputError, match=r"\(2 or 1, 4, 3, 4, 5\)"):
        propagate(x, gates[..., :4])
    with pytest.raises(InputError, match=r"needs torch\.float64"):
        propagate(x, gates.float())
    with pytest.raises(InputError, match="float"):
        propagate(x.long(), gates)
    with pytest.raises(InputError, match="merge is 'sum'"):
        propagate(x, gates, merge="sum")
    with pytest.raises(InputError, match=r"\(4, 3\)"):
        propagate(x, gates, merge=torch.ones(3))


def test_implementation_can_be_asked_for_by_name(monkeypatch, draw):
    x, gates = draw((1, 1, 3, 3))
    expected = propagate(x, gates)
    monkeypatch.setenv(dispatch.VARIABLE, "reference")
    assert dispatch.choose(candidates()) == "reference"
    torch.testing.assert_close(propagate(x, gates), expected)
    monkeypatch.setenv(dispatch.VARIABLE, "quantum")
    with pytest.raises(KernelError, match="vectorised"):
        propagate(x, gates)
    monkeypatch.setenv(dispatch.VARIABLE, "gpu")
    with pytest.raises(KernelError, match="not on cpu"):
        propagate(x, gates)
    assert len(DIRECTIONS) == 4


def test_without_the_compiled_module_the_vectorised_one_runs(monkeypatch, draw):
    x, gates = draw((1, 1, 3, 3))
    expected = propagate(x, gates)
    native._compiled.cache_clear()
    monkeypatch.delattr(propagation, "_native", raising=False)
    monkeypatch.setitem(sys.modules, "rotoline.kernels.propagation._native", None)
    try:
        assert dispatch.choose(candidates()) == "vectorised"
        assert "without a C++ compiler" in native.refusal("cpu")
        torch.testing.assert_close(propagate(x, gates), expected)
    finally:
        native._compiled.cache_clear()


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
def test_where_there_is_a_compiler_the_install_has_compiled():
    assert native.refusal("cpu") == ""
