"""Random shapes, values and layouts: every implementation against the reference."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotoline.kernels.propagation import reference, vectorised

pytestmark = pytest.mark.slow

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


small = st.tuples(*(st.integers(1, most) for most in (3, 3, 7, 7)))
large = st.tuples(*(st.integers(1, most) for most in (3, 10, 70, 70)))
medium = st.tuples(*(st.integers(1, most) for most in (2, 3, 20, 40)))


@pytest.mark.parametrize("implementation", ["vectorised", "native"], indirect=True)
@given(case=cases, shape=small)
@settings(SETTINGS, max_examples=25)
def test_small_maps_agree_with_the_reference(implementation, draw, case, shape):
    agree(implementation, reference, *draw(shape, **case))


@pytest.mark.parametrize("implementation", ["native"], indirect=True)
@given(case=cases, shape=large)
@settings(SETTINGS, max_examples=60)
def test_larger_maps_agree_with_the_vectorised_implementation(implementation, draw, case, shape):
    agree(implementation, vectorised, *draw(shape, **case))


@pytest.mark.parametrize("implementation", ["gpu"], indirect=True)
@given(case=cases, shape=medium)
@settings(SETTINGS, max_examples=8)  # interpreted on the CPU, so slow
def test_gpu_kernels_agree_with_the_vectorised_implementation(implementation, draw, case, shape):
    agree(implementation, vectorised, *draw(shape, **case))
