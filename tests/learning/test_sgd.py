from itertools import islice

import pytest
import torch

from rotoline.learning.sgd import gradient_step, minimise


@pytest.fixture
def number():
    return torch.nn.Parameter(torch.tensor(8.0))


def test_step_follows_the_gradient_of_its_own_loss_alone(number):
    optimizer = torch.optim.SGD([number], lr=0.25)
    gradient_step(optimizer, number.square() / 2)
    assert number.item() == 6.0
    gradient_step(optimizer, number.square() / 2)  # the first gradient is not added again
    assert number.item() == 4.5


def test_gradient_can_be_changed_before_the_update(number):
    optimizer = torch.optim.SGD([number], lr=1.0)
    gradient_step(optimizer, number.square() / 2, before_update=lambda: number.grad.clamp_(max=2))
    assert number.item() == 6.0


def test_error_before_the_update_leaves_the_parameters(number):
    def refuse():
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        gradient_step(torch.optim.SGD([number], lr=1.0), number.square(), before_update=refuse)
    assert number.item() == 8.0


def test_loop_uses_the_sample_and_the_learning_rate_of_each_step(number):
    steps = minimise(
        torch.optim.SGD([number], lr=9.0),
        sample=lambda step: step + 1,
        loss=lambda sample: sample * number,
        learning_rate=lambda step: (1.0, 0.5)[step],
    )
    assert list(islice(steps, 2)) == [(0, 8.0), (1, 14.0)]
    assert number.item() == 8 - 1.0 * 1 - 0.5 * 2
