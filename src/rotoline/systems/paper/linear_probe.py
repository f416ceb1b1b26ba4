"""Learning the paper's linear heads on a frozen backbone: a convex problem, solved for all objects.

Nothing non-linear follows the backbone. So while it is frozen, fine-tuning with the class-balanced
loss (equation 1) is a weighted logistic regression on the hypercolumn: it has one minimum, which
needs neither a learning rate nor 30,000 steps. See docs/method/paper.md.

For object k with pixels p of V views, hypercolumns x_p, targets y_p and logits z_p = a x_p + b:

    objective(a, b) = sum_p [positive_p log(1 + exp(-z_p)) + negative_p log(1 + exp(z_p))]
                      + ridge / 2 * sum_c (deviation_c a_c)^2

    positive_p = (1 - w) y_p / total    negative_p = w (1 - y_p) / total    w: mean y of p's view

`deviation_c` is how much channel c varies in the views, so that the ridge does not depend on the
scale of a channel. `total` makes the weights of an object sum to 1, so that the objective does not
depend on the object's size. The bias is not regularised. The solver works on u_c = deviation_c a_c
and on centred channels. The maps themselves are not changed for that: both amount to a factor and
an offset of the heads.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.systems.paper.segmentation import SCALES, Maps, project

STRIDE = 8
"""Pixels of a frame per pixel of its hypercolumn, in each direction."""
HISTORY = 10
"""Number of past steps from which L-BFGS approximates the curvature."""
SMALLEST_DEVIATION = 0.1
"""Lower limit of a channel's standard deviation, as a fraction of the root mean square deviation in
its map: a channel that is constant in a few views may vary in later frames."""
LINE_ACCURACY, LINE_STEPS = 0.01, 30
"""A line search ends when the slope has fallen to this fraction, or after this number of
evaluations."""
LEAST_CURVATURE = 1e-3
"""Smallest value added to the diagonal of the curvature, so that it can be inverted in float32."""

View = tuple[Maps, Tensor]
"""The maps of one frame, as `SegmentationNet.maps` gives them, and its masks `(K, H, W)`, float in
[0, 1], at the size of the frame."""


class LinearProbe(NamedTuple):
    """K linear heads on the hypercolumn, one logit each: foreground minus background."""

    weight: Tensor
    """`(K, 3584)`: the columns of stages 3, 4 and 5 in order."""
    bias: Tensor
    """`(K,)`."""


def predict_probe(probe: LinearProbe, maps: Maps) -> Tensor:
    """Logits `(K, h, w)` at 1/8 of the frame; positive where the object is."""
    return project(maps, *probe)[0]


def fit_linear_probe(
    views: Sequence[View],
    *,
    ridge: float,
    max_iterations: int,
    tolerance: float = 1e-3,
) -> LinearProbe:
    """Find the heads that minimise the class-balanced loss on some views of K objects.

    L-BFGS runs for all objects at once, each with its own steps. It ends when the gradient of
    every object has fallen to `tolerance` times that of heads that are zero, or after
    `max_iterations` steps. A step reads the maps twice; its length is found on the logits alone.
    Each stage has a preconditioner, the inverse of its regularised covariance, which saves two
    thirds of the steps.

    Args:
        views: At least one; all have equal weight. Frames may differ in size, H and W are multiples
            of 32. Pixels at 1/8 that a mask covers in part become soft targets. An object that a
            view does not show learns nothing from it (equation 1: w = 0).
        ridge: Strength of the L2 regularisation, not negative. With 0 a separable object has no
            minimum, and `max_iterations` ends the search.
        max_iterations: Largest number of steps; each costs about one forward and backward pass of
            the heads over all views.
        tolerance: Length of the gradient to end at, in units of u, relative as above.

    Returns:
        The heads, in float32 or the dtype of the maps where that is wider, on their device;
        deterministic on a CPU. Zeros for an object that no view shows, or that fills all: every
        logit is 0 then.

    Raises:
        InputError: There is no view, sizes do not fit, or ridge or max_iterations are out of range.

    Source:
        Paper, equation 1, and its head. Deviations: the backbone is frozen; pixels are those at
        1/8, with soft targets; the weights of an object are divided by their sum, the ridge is on
        standardised channels in place of weight decay 5e-4 on the two layers; steps until the
        gradient is small, or a limit, in place of a schedule. L-BFGS: Liu and Nocedal, 1989.
    """
    if ridge < 0 or max_iterations < 0:
        raise InputError(
            f"ridge is {ridge} and max_iterations is {max_iterations}; neither may be negative"
        )
    with torch.no_grad():
        problem = Problem(views, ridge)
        u = torch.zeros_like(problem.offset).repeat(problem.objects, 1)
        first = problem.gradient(u, problem.logits(u)).norm(dim=1)
        return problem.probe(_minimise(problem, u, max_iterations, tolerance * first))


def objective(probe: LinearProbe, views: Sequence[View], ridge: float) -> Tensor:
    """What `fit_linear_probe` minimises, for each object `(K,)`; log 2 for heads that are zero."""
    with torch.no_grad():
        problem = Problem(views, ridge)
        u = problem.standardise(probe)
        return problem.value(u, problem.logits(u))


class Problem:
    """The objective over u `(K, D + 1)`: D standardised weights and a bias for each object.

    Args:
        views: As for `fit_linear_probe`.
        ridge: Strength of the L2 regularisation.
    """

    def __init__(self, views: Sequence[View], ridge: float) -> None:
        _check(views)
        wide = torch.promote_types(views[0][0][0].dtype, torch.float32)
        self.maps: list[Maps] = [
            (maps[0].to(wide), maps[1].to(wide), maps[2].to(wide)) for maps, _ in views
        ]
        self.ridge = ridge
        self.objects = views[0][1].shape[0]
        self.positive, self.negative = _balance([masks.to(wide) for _, masks in views])
        self.factors, offsets = [], []
        for stage, scale in enumerate(SCALES):
            mean, deviation = _statistics([scale * maps[stage][0] for maps in self.maps])
            self.factors.append(deviation.reciprocal())
            offsets.append(mean / deviation)
        self.factor = torch.cat(self.factors)
        self.offset = functional.pad(torch.cat(offsets), (0, 1), value=-1.0)
        """What the centring subtracts from a logit per unit of each u; -1 for the bias, which is
        added."""

    def probe(self, u: Tensor) -> LinearProbe:
        """Standardised weights as heads for maps that are not standardised."""
        return LinearProbe(u[:, :-1] * self.factor, -(u @ self.offset))

    def standardise(self, probe: LinearProbe) -> Tensor:
        """The inverse of `probe`."""
        u = probe.weight.to(self.factor) / self.factor
        bias = probe.bias.to(self.factor) + u @ self.offset[:-1]
        return torch.cat((u, bias[:, None]), dim=1)

    def logits(self, u: Tensor) -> Tensor:
        """Linear in u: logits `(K, P)` of all pixels of all views."""
        probe = self.probe(u)
        return torch.cat([predict_probe(probe, maps).flatten(1) for maps in self.maps], dim=1)

    def gradient(self, u: Tensor, logits: Tensor) -> Tensor:
        """Gradient of the objective with respect to u, `(K, D + 1)`."""
        residual = self.slope(logits)
        sizes = [maps[0].shape[-2:] for maps in self.maps]
        parts = residual.split([size.numel() for size in sizes], dim=1)
        columns = sum(
            _collect(maps, part.unflatten(1, size))
            for maps, part, size in zip(self.maps, parts, sizes, strict=True)
        )
        gradient = functional.pad(columns * self.factor, (0, 1))
        gradient -= residual.sum(1, keepdim=True) * self.offset
        gradient[:, :-1] += self.ridge * u[:, :-1]
        return gradient

    def value(self, u: Tensor, logits: Tensor) -> Tensor:
        """The objective, `(K,)`."""
        loss = self.positive * functional.softplus(-logits)
        loss += self.negative * functional.softplus(logits)
        return loss.sum(1) + self.ridge / 2 * u[:, :-1].square().sum(1)

    def slope(self, logits: Tensor) -> Tensor:
        """Derivative of the loss with respect to each logit."""
        return (self.positive + self.negative) * logits.sigmoid() - self.positive

    def curvature(self, logits: Tensor) -> Tensor:
        """Second derivative of the loss with respect to each logit."""
        score = logits.sigmoid()
        return (self.positive + self.negative) * score * (1 - score)

    def preconditioner(self) -> list[Tensor]:
        """Inverse of each stage's curvature `(C, C)` at scores of 1/2 and equal pixel weights.

        One matrix serves all objects and all steps: objects differ in their pixel weights only.
        """
        inverses = []
        for stage, (factor, scale) in enumerate(zip(self.factors, SCALES, strict=True)):
            pixels = [scale * factor[:, None] * maps[stage][0].flatten(1) for maps in self.maps]
            covariance = torch.stack(
                [torch.atleast_2d(torch.cov(part, correction=0)) for part in pixels]
            ).mean(0)
            covariance.mul_(0.25).diagonal().add_(max(self.ridge, LEAST_CURVATURE))
            inverses.append(torch.cholesky_inverse(torch.linalg.cholesky(covariance)))
        return inverses


def _check(views: Sequence[View]) -> None:
    if not views:
        raise InputError("there is no view to learn from; give at least one")
    for maps, masks in views:
        height, width = maps[0].shape[-2:]
        whole = height % 4 == 0 and width % 4 == 0
        if not whole or masks.shape[-2:] != (STRIDE * height, STRIDE * width):
            raise InputError(
                f"masks have {tuple(masks.shape[-2:])} pixels and maps {height, width}; frames and "
                "masks need one size, in multiples of 32"
            )
        if len(maps[0]) != 1 or masks.shape[0] != views[0][1].shape[0]:
            raise InputError(
                f"a view has {len(maps[0])} frames and {masks.shape[0]} masks; it needs one frame "
                "and as many masks as the others"
            )


def _balance(masks: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Weights of the pixels of all views `(K, P)` for the foreground and for the background."""
    positive, negative = [], []
    for part in masks:
        target = functional.avg_pool2d(part, STRIDE).flatten(1)
        share = target.mean(1, keepdim=True)
        # The mean over the pixels of a view, so that the size of a view does not matter.
        positive.append((1 - share) * target / target.shape[1])
        negative.append(share * (1 - target) / target.shape[1])
    both = torch.cat(positive, dim=1), torch.cat(negative, dim=1)
    total = (both[0] + both[1]).sum(1, keepdim=True)
    total = torch.where(total > 0, total, 1.0)
    return both[0] / total, both[1] / total


def _statistics(views: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel `(C,)` over views `(C, h, w)`."""
    of_views = [torch.var_mean(part.flatten(1), dim=1, correction=0) for part in views]
    variances, means = (torch.stack(part) for part in zip(*of_views, strict=True))
    mean = means.mean(0)
    variance = (variances + (means - mean).square()).mean(0)
    usual = variance.mean().clamp(min=torch.finfo(variance.dtype).tiny ** 0.5)
    return mean, variance.clamp(min=SMALLEST_DEVIATION**2 * usual).sqrt()


def _collect(maps: Maps, residual: Tensor) -> Tensor:
    """Adjoint of `project` with respect to the weights: residuals `(K, h, w)` to `(K, 3584)`."""
    stage4 = _halve(residual)
    columns = [
        scale * at_size.flatten(1) @ part[0].flatten(1).T
        for part, at_size, scale in zip(
            maps, (residual, stage4, _halve(stage4)), SCALES, strict=True
        )
    ]
    return torch.cat(columns, dim=1)


def _halve(residual: Tensor) -> Tensor:
    """Adjoint of doubling `(K, h, w)` bilinearly.

    A pixel gives 3/4 of itself to the two nearest of the doubled map and 1/4 to the two next to
    them; shares outside the map are added to the border, which is repeated.
    """
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25]).to(residual)
    padded = functional.pad(residual[:, None], (1, 1, 1, 1), mode="replicate")
    rows = functional.conv2d(padded, taps[None, None, :, None], stride=(2, 1))
    return functional.conv2d(rows, taps[None, None, None, :], stride=(1, 2))[:, 0]


class _Step(NamedTuple):
    """A step that was taken, and what it changed in the gradient."""

    moved: Tensor
    turned: Tensor
    inverse: Tensor
    """`(K, 1)`: 1 / (moved * turned); 0 where the step is not used."""


def _minimise(problem: Problem, u: Tensor, max_iterations: int, goal: Tensor) -> Tensor:
    """L-BFGS from u until the gradient of each object is no longer than its goal `(K,)`."""
    logits = problem.logits(u)
    gradient = problem.gradient(u, logits)
    is_open = gradient.norm(dim=1, keepdim=True) > goal[:, None]
    inverses = problem.preconditioner() if is_open.any() else []
    steps: list[_Step] = []
    for _ in range(max_iterations):
        if not is_open.any():
            break
        direction = -_precondition(gradient, steps, inverses) * is_open
        change = problem.logits(direction)
        length = _search(problem, (u, logits), (direction, change))
        u, logits = u + length * direction, logits + length * change
        before, gradient = gradient, problem.gradient(u, logits)
        steps = [*steps[1 - HISTORY :], _curvature_pair(length * direction, gradient - before)]
        is_open = is_open & (gradient.norm(dim=1, keepdim=True) > goal[:, None])
    return u


def _curvature_pair(moved: Tensor, turned: Tensor) -> _Step:
    product = _dot(moved, turned)
    # The objective is convex, so the product is positive, except for steps as small as the rounding
    # error and for objects that did not move.
    is_usable = product > torch.finfo(product.dtype).eps * moved.norm(dim=1, keepdim=True).mul(
        turned.norm(dim=1, keepdim=True)
    )
    inverse = torch.where(is_usable, 1 / torch.where(is_usable, product, 1.0), 0.0)
    return _Step(moved, turned, inverse)


def _precondition(gradient: Tensor, steps: list[_Step], inverses: list[Tensor]) -> Tensor:
    """The gradient times an estimate of the inverse curvature: the two loops of L-BFGS."""
    result, amounts = gradient, []
    for step in reversed(steps):
        amounts.append(step.inverse * _dot(step.moved, result))
        result = result - amounts[-1] * step.turned
    result = _by_stage(result, inverses)
    if steps:
        last = steps[-1]
        size = last.inverse * _dot(last.turned, _by_stage(last.turned, inverses))
        result = torch.where(size > 0, result / torch.where(size > 0, size, 1.0), result)
    for step, amount in zip(steps, reversed(amounts), strict=True):
        result = result + step.moved * (amount - step.inverse * _dot(step.turned, result))
    return result


def _by_stage(gradient: Tensor, inverses: list[Tensor]) -> Tensor:
    """Each stage's part times its matrix, the bias by 4: the inverse of 1/4, as for the stages."""
    parts = gradient[:, :-1].split([len(inverse) for inverse in inverses], dim=1)
    columns = [part @ inverse for part, inverse in zip(parts, inverses, strict=True)]
    return torch.cat((*columns, 4 * gradient[:, -1:]), dim=1)


def _search(problem: Problem, at: tuple[Tensor, Tensor], along: tuple[Tensor, Tensor]) -> Tensor:
    """Length of the step, `(K, 1)`: each object's minimum along its own direction.

    Newton's method in one variable; a step outside the interval that contains the minimum is
    replaced by its midpoint, or by twice the length while the interval has no upper end. The maps
    are not read, since logits are linear in u.

    Args:
        problem: The objective.
        at: u and its logits.
        along: The direction and its logits.
    """
    (u, logits), (direction, change) = at, along
    ridge = problem.ridge * _dot(u[:, :-1], direction[:, :-1])
    bend = problem.ridge * _dot(direction[:, :-1], direction[:, :-1])
    steepest = (_dot(problem.slope(logits), change) + ridge).abs()
    length = torch.ones_like(ridge)
    low, high = torch.zeros_like(length), torch.full_like(length, torch.inf)
    for _ in range(LINE_STEPS):
        current = logits + length * change
        slope = _dot(problem.slope(current), change) + ridge + length * bend
        if (slope.abs() <= LINE_ACCURACY * steepest).all():
            break
        low, high = torch.where(slope < 0, length, low), torch.where(slope > 0, length, high)
        second = _dot(problem.curvature(current), change.square()) + bend
        newton = length - slope / second.clamp(min=torch.finfo(second.dtype).tiny)
        middle = torch.where(high.isinf(), 2 * length, (low + high) / 2)
        is_inside = (newton > low) & (newton < high) & (slope != 0)
        length = torch.where(slope == 0, length, torch.where(is_inside, newton, middle))
    return length


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Inner products by object, `(K, 1)`."""
    return (one * other).sum(1, keepdim=True)
