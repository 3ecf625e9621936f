"""How widely a user's scores are spread, without scoring anything."""

import numpy as np

from model.score_deviations import score_deviations


def test_they_are_those_of_the_scores_themselves() -> None:
    random = np.random.default_rng(0)
    users, items = random.normal(size=(3, 4)), random.normal(size=(50, 4))

    deviations = score_deviations(users, np.cov(items.T, bias=True))

    np.testing.assert_allclose(deviations, (users @ items.T).std(axis=1))


def test_whose_scores_do_not_differ_can_be_divided_by_or_told_apart() -> None:
    nobody, covariance = np.zeros((1, 2), np.float32), np.eye(2)

    assert score_deviations(nobody, covariance).tolist() == [1e-6]
    assert score_deviations(nobody, covariance, smallest_variance=0).tolist() == [0.0]
