"""Random shapes, values and layouts: every implementation against the reference."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotoline.kernels.propagation import reference, vectorised

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

cases = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["softmax", "signed"]),
        "own": st.tuples(st.booleans(), st.booleans()),
        "seed": st.integers(0, 1000),
    }
)


def agree(implementation, expected, x, gates):
    h = expected.scan(x, gates)
    torch.testing.assert_close(implementation.scan(x, gates), h, rtol=1e-10, atol=1e-10)
    gradient = torch.cos(torch.arange(h.numel(), dtype=h.dtype)).reshape(h.shape)
    found = implementation.scan_backward(gradient, x, gates, h)
    for one, other in zip(found, expected.scan_backward(gradient, x, gates, h), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@given(
    case=cases,
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
)
@settings(SETTINGS, max_examples=25)
def test_small_maps_agree_with_the_reference(implementation, draw, case, shape):
    agree(implementation, reference, *draw(shape, **case))


@given(
    case=cases,
    shape=st.tuples(st.integers(1, 3), st.integers(1, 10), st.integers(1, 70), st.integers(1, 70)),
)
@settings(SETTINGS, max_examples=40)
def test_larger_maps_agree_with_the_vectorised_implementation(implementation, draw, case, shape):
    if implementation is vectorised:
        pytest.skip("this is the one that the others are held against")
    if "gpu" in implementation.__name__:
        shape = (*shape[:2], shape[2] % 20 + 1, shape[3] % 40 + 1)  # interpreted, so slow
    agree(implementation, vectorised, *draw(shape, **case))
