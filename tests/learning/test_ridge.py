import numpy as np
import torch

from rotoline.learning.ridge import NormalEquations, accumulate, predict, solve, weighted_sum


def test_rule_is_the_weighted_least_squares_solution():
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(5, 6, 7, generator=generator, dtype=torch.float64)
    mask = (torch.rand(1, 6, 7, generator=generator) > 0.7).double()
    rule = solve(accumulate(embedding, mask), torch.tensor(1e-3))[0]

    pixels = np.concatenate([embedding.flatten(1).T.numpy(), np.ones((42, 1))], axis=1)
    inside = mask.flatten().numpy()
    weights = inside * 0.5 / inside.sum() + (1 - inside) * 0.5 / (1 - inside).sum()
    # Ridge as ordinary least squares with extra rows.
    rows = np.concatenate([pixels * np.sqrt(weights)[:, None], np.sqrt(1e-3) * np.eye(6)])
    targets = np.concatenate([(2 * inside - 1) * np.sqrt(weights), np.zeros(6)])
    expected = np.linalg.lstsq(rows, targets, rcond=None)[0]
    np.testing.assert_allclose(rule.numpy(), expected, rtol=1e-8)


def test_foreground_and_background_count_alike():
    embedding = torch.zeros(1, 10, 10)
    mask = torch.zeros(1, 10, 10)
    mask[0, 0, :4] = 1
    evidence = accumulate(embedding, mask)
    # The constant column alone: half the weight says +1, half says -1.
    torch.testing.assert_close(evidence.gram[0, 1, 1], torch.tensor(1.0))
    torch.testing.assert_close(evidence.moment[0, 1], torch.tensor(0.0), atol=1e-6, rtol=0)


def test_other_objects_get_their_share_of_the_background_however_small():
    embedding = torch.zeros(1, 10, 10)
    embedding[0, 9, 9] = 1.0  # the other object alone
    mask, others = torch.zeros(1, 10, 10), torch.zeros(1, 10, 10)
    mask[0, 0], others[0, 9, 9] = 1, 1
    plain = accumulate(embedding, mask)
    shared = accumulate(embedding, mask, others, other_weight=0.4)
    # The one pixel among 90 of the background, which has half of the weight.
    torch.testing.assert_close(plain.gram[0, 0, 0], torch.tensor(0.5 / 90))
    torch.testing.assert_close(shared.gram[0, 0, 0], torch.tensor(0.5 * (0.6 / 90 + 0.4)))
    torch.testing.assert_close(shared.gram[0, 1, 1], torch.tensor(1.0))
    alone = accumulate(embedding, mask, torch.zeros_like(others), other_weight=0.4)
    assert torch.equal(alone.gram, plain.gram)


def test_separable_object_is_recovered():
    embedding = torch.zeros(2, 4, 4)
    embedding[0, :, :2] = 1.4
    embedding[1, :, 2:] = 1.4
    mask = torch.zeros(1, 4, 4)
    mask[0, :, :2] = 1
    rules = solve(accumulate(embedding, mask), torch.tensor(1e-4))
    scores = predict(rules, embedding)
    torch.testing.assert_close(scores, 2 * mask - 1, atol=0.01, rtol=0)


def test_views_mix_by_weight_per_object():
    one = NormalEquations(torch.ones(2, 3, 3), torch.ones(2, 3))
    other = NormalEquations(torch.full((2, 3, 3), 5.0), torch.full((2, 3), 5.0))
    mixed = weighted_sum([one, other], torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    assert mixed.moment[:, 0].tolist() == [3.0, 1.0]
    assert mixed.gram[:, 0, 0].tolist() == [3.0, 1.0]


def test_gradients_flow_through_the_solver():
    generator = torch.Generator().manual_seed(1)
    embedding = torch.randn(3, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    mask = (torch.rand(2, 3, 4, generator=generator) > 0.5).double()
    damping = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)

    def rules(embedding, damping):
        return solve(accumulate(embedding, mask), damping)

    assert torch.autograd.gradcheck(rules, (embedding, damping))
