import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.systems.paper.linear_probe import (
    SMALLEST_DEVIATION,
    LinearProbe,
    Problem,
    fit_linear_probe,
    objective,
    predict_probe,
)
from rotoline.systems.paper.segmentation import SCALES, project

CHANNELS = (4, 3, 5)
SIZES = ((4, 8), (8, 4), (8, 8))
"""Of the maps of stage 3, at 1/8 of the frames: views may differ in size."""
RIDGE = 0.01


def make_views(objects, dtype=torch.float64, seed=0):
    """Random maps, channels of very different sizes, and masks that follow the maps a little."""
    generator = torch.Generator().manual_seed(seed)
    loudness = [torch.logspace(-1, 1, c, dtype=torch.float64)[:, None, None] for c in CHANNELS]
    views = []
    for h, w in SIZES:
        maps = tuple(
            loud * (1 + torch.randn(1, c, h >> k, w >> k, generator=generator, dtype=torch.float64))
            for k, (c, loud) in enumerate(zip(CHANNELS, loudness, strict=True))
        )
        noise = torch.randn(objects, 8 * h, 8 * w, generator=generator, dtype=torch.float64)
        hint = functional.interpolate(maps[0][:, :objects], scale_factor=8)[0]
        hint = hint / hint.std(dim=(1, 2), keepdim=True)
        masks = (hint + noise > 1.0).to(dtype)
        views.append((tuple(part.to(dtype) for part in maps), masks))
    return views


def hypercolumn(maps):
    """All pixels of a view, `(P, D)`, upsampled as the paper says it."""
    stage3, stage4, stage5 = (scale * part for scale, part in zip(SCALES, maps, strict=True))
    deep = torch.cat((stage4, double(stage5)), dim=1)
    return torch.cat((stage3, double(deep)), dim=1)[0].flatten(1).T


def double(part):
    return functional.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)


def deviations(views):
    """How much each channel varies about its mean over the views, which count alike; floored."""
    result = []
    for stage, scale in enumerate(SCALES):
        maps = [scale * maps[stage][0].flatten(1) for maps, _ in views]
        mean = sum(part.mean(1) for part in maps) / len(maps)
        variance = sum((part - mean[:, None]).square().mean(1) for part in maps) / len(maps)
        result.append(variance.clamp(min=SMALLEST_DEVIATION**2 * variance.mean()).sqrt())
    return torch.cat(result)


def reference_objective(theta, views, row, ridge):
    """Equation 1 on explicit hypercolumns, view by view; theta `(D + 1)`, differentiable."""
    loss, total = 0.0, 0.0
    for maps, masks in views:
        target = functional.avg_pool2d(masks[row][None], 8).flatten()
        share = target.mean()
        positive, negative = (1 - share) * target, share * (1 - target)
        logits = hypercolumn(maps) @ theta[:-1] + theta[-1]
        loss = loss - (positive * functional.logsigmoid(logits)).mean()
        loss = loss - (negative * functional.logsigmoid(-logits)).mean()
        total = total + (positive + negative).mean()
    return loss / total + ridge / 2 * (deviations(views) * theta[:-1]).square().sum()


def reference_gradient(theta, views, row, ridge):
    with torch.enable_grad():
        leaf = theta.detach().clone().requires_grad_(True)
        value = reference_objective(leaf, views, row, ridge)
        return value.detach(), torch.autograd.grad(value, leaf)[0]


def solve_plainly(views, row, ridge):
    """The slow plain reference: scipy on one object; begun in units in which it is well posed."""
    units = torch.cat((deviations(views), torch.ones(1, dtype=torch.float64)))

    def evaluate(x):
        value, gradient = reference_gradient(torch.from_numpy(x) / units, views, row, ridge)
        return float(value), (gradient / units).numpy()

    options = {"maxiter": 10_000, "gtol": 1e-10, "ftol": 0.0, "maxcor": 40}
    start = np.zeros(sum(CHANNELS) + 1)
    found = minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
    return torch.from_numpy(found.x) / units


def flat(probe, row):
    return torch.cat((probe.weight[row], probe.bias[row : row + 1]))


def test_it_finds_what_scipy_finds_on_explicit_hypercolumns():
    views = make_views(3)
    probe = fit_linear_probe(views, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
    for row in range(3):
        expected = solve_plainly(views, row, RIDGE)
        torch.testing.assert_close(flat(probe, row), expected, rtol=1e-5, atol=1e-7)


def test_float32_finds_the_same_logits():
    views = make_views(2, torch.float32)
    probe = fit_linear_probe(views, ridge=RIDGE, max_iterations=300, tolerance=1e-5)
    assert probe.weight.dtype == torch.float32
    wide = [(tuple(part.double() for part in maps), masks.double()) for maps, masks in views]
    exact = fit_linear_probe(wide, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
    for (maps, _), (wide_maps, _) in zip(views, wide, strict=True):
        found = predict_probe(probe, maps).double()
        torch.testing.assert_close(found, predict_probe(exact, wide_maps), rtol=0, atol=1e-3)


def test_gradient_is_near_zero_at_the_solution():
    views = make_views(2)
    probe = fit_linear_probe(views, ridge=RIDGE, max_iterations=300, tolerance=1e-7)
    for row in range(2):
        _, first = reference_gradient(torch.zeros_like(flat(probe, row)), views, row, RIDGE)
        value, last = reference_gradient(flat(probe, row), views, row, RIDGE)
        assert last.norm() < 1e-5 * first.norm()
        torch.testing.assert_close(objective(probe, views, RIDGE)[row], value)


def test_problem_is_the_reference_away_from_the_solution():
    views = make_views(2)
    generator = torch.Generator().manual_seed(5)
    u = torch.randn(2, sum(CHANNELS) + 1, generator=generator, dtype=torch.float64)
    problem = Problem(views, RIDGE)
    probe = problem.probe(u)
    torch.testing.assert_close(problem.standardise(probe), u)
    change = torch.func.jacrev(lambda moved: problem.probe(moved[None]).weight[0])(u[0])
    offset = torch.func.jacrev(lambda moved: problem.probe(moved[None]).bias[0])(u[0])
    jacobian = torch.cat((change, offset[None]))
    for row in range(2):
        _, by_probe = reference_gradient(flat(probe, row), views, row, RIDGE)
        found = problem.gradient(u, problem.logits(u))[row]
        torch.testing.assert_close(found, by_probe @ jacobian)


def test_objects_together_are_each_object_alone():
    views = make_views(3)
    together = fit_linear_probe(views, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
    for row in range(3):
        own = [(maps, masks[row : row + 1]) for maps, masks in views]
        alone = fit_linear_probe(own, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
        torch.testing.assert_close(flat(together, row), flat(alone, 0), rtol=1e-6, atol=1e-8)


def test_classes_are_balanced_as_in_a_case_by_hand():
    # Sixteen pixels; a feature is on in four of them. The object has three of those and one other,
    # so w = 1/4. Where it is on: 3/4 * 3 says yes, 1/4 * 1 no; elsewhere 3/4 * 1 and 1/4 * 11.
    feature = torch.zeros(1, 2, 4, 4, dtype=torch.float64)
    feature[0, 0, 0] = 1.0
    empty = (torch.zeros(1, 2, side, side, dtype=torch.float64) for side in (2, 1))
    target = torch.zeros(4, 4, dtype=torch.float64)
    target[0, :3] = target[3, 0] = 1.0
    masks = target.repeat_interleave(8, 0).repeat_interleave(8, 1)[None]
    views = [((feature, *empty), masks)]
    probe = fit_linear_probe(views, ridge=0.0, max_iterations=200, tolerance=1e-10)
    logits = predict_probe(probe, views[0][0])[0]
    torch.testing.assert_close(logits[0, 0].item(), math.log(9))
    torch.testing.assert_close(logits[2, 2].item(), math.log(3 / 11))


def test_soft_targets_are_shares_of_pixels():
    views = make_views(1)
    halves = [(maps, torch.zeros_like(masks)) for maps, masks in views]
    for _, masks in halves:
        masks[:, :, ::2] = 1.0  # half of every pixel at 1/8: nothing that separates them
    probe = fit_linear_probe(halves, ridge=RIDGE, max_iterations=50)
    assert flat(probe, 0).abs().max() < 1e-6


def test_object_that_is_never_seen_has_a_probe_of_zeros():
    views = make_views(2)
    for _, masks in views:
        masks[1] = 0
    probe = fit_linear_probe(views, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
    assert (flat(probe, 1) == 0).all()
    expected = solve_plainly(views, 0, RIDGE)
    torch.testing.assert_close(flat(probe, 0), expected, rtol=1e-5, atol=1e-7)


def test_nothing_is_learned_from_a_view_without_the_object():
    views = make_views(2)
    views[1][1][0] = 0
    problem = Problem(views, RIDGE)
    shown = views[0][0][0][0, 0].numel()
    unseen = slice(shown, shown + views[1][0][0][0, 0].numel())
    assert (problem.positive[0, unseen] == 0).all()
    assert (problem.negative[0, unseen] == 0).all()
    assert (problem.negative[1, unseen] > 0).any()


def test_ridge_treats_channels_of_any_size_alike():
    views = make_views(1)
    loud = [((1000 * maps[0], *maps[1:]), masks) for maps, masks in views]
    probe, other = (
        fit_linear_probe(some, ridge=RIDGE, max_iterations=300, tolerance=1e-9)
        for some in (views, loud)
    )
    torch.testing.assert_close(
        predict_probe(probe, views[0][0]), predict_probe(other, loud[0][0]), rtol=1e-5, atol=1e-7
    )


def test_it_stops_early_once_the_gradient_is_small(monkeypatch):
    calls = []
    gradient = Problem.gradient
    monkeypatch.setattr(
        Problem, "gradient", lambda *args: (calls.append(1), gradient(*args))[1], raising=True
    )
    fit_linear_probe(make_views(2), ridge=1.0, max_iterations=1000, tolerance=1e-2)
    assert len(calls) < 30


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_it_works_and_repeats_itself_in_every_grad_mode(mode):
    expected = fit_linear_probe(make_views(2), ridge=RIDGE, max_iterations=20)
    with mode():
        probe = fit_linear_probe(make_views(2), ridge=RIDGE, max_iterations=20)
    assert torch.equal(probe.weight, expected.weight)
    assert torch.equal(probe.bias, expected.bias)
    assert not probe.weight.requires_grad


def test_separable_object_without_a_ridge_stays_finite():
    views = make_views(1)
    for maps, masks in views:
        inside = (maps[0][0, :1] > 0.1).double()
        masks[:] = inside.repeat_interleave(8, 1).repeat_interleave(8, 2)
    probe = fit_linear_probe(views, ridge=0.0, max_iterations=40)
    assert flat(probe, 0).isfinite().all()
    logits = predict_probe(probe, views[0][0])
    assert torch.equal(logits > 0, functional.avg_pool2d(views[0][1], 8) > 0.5)


def test_logits_are_those_of_the_projected_maps():
    maps, _ = make_views(1)[0]
    probe = LinearProbe(torch.ones(2, sum(CHANNELS)).double(), torch.tensor([1.0, -1.0]).double())
    logits = predict_probe(probe, maps)
    expected = (hypercolumn(maps) @ probe.weight.T + probe.bias).T
    torch.testing.assert_close(logits.flatten(1), expected)
    assert torch.equal(logits, project(maps, *probe)[0])


@pytest.mark.parametrize(
    ("views", "ridge", "max_iterations", "message"),
    [
        ([], 1.0, 1, "no view"),
        (make_views(1), -1.0, 1, "negative"),
        (make_views(1), 1.0, -1, "negative"),
        ([(make_views(1)[0][0], torch.zeros(1, 8, 8).double())], 1.0, 1, "multiples of 32"),
        ([make_views(1)[0], make_views(2)[1]], 1.0, 1, "as many masks"),
    ],
)
def test_refuses_bad_input(views, ridge, max_iterations, message):
    with pytest.raises(InputError, match=message):
        fit_linear_probe(views, ridge=ridge, max_iterations=max_iterations)
