"""What is imputed where something is missing."""

import numpy as np
import scipy.sparse as sp

from model.features import Features
from training.protocols.missing import impute


def test_what_is_missing_gets_the_mean_of_the_warm_items_that_have_it_dense_or_hashed() -> None:
    there = np.array([[True, True], [True, False], [False, True]])
    dense = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    hashed = sp.csr_array(np.array([[1, 0, 0], [0, 0, 0], [0.6, 0, 0.8]], np.float32))
    warm = Features((dense, hashed), there)

    imputed = impute(warm, warm)

    assert imputed.present.all()
    np.testing.assert_allclose(imputed.values[0], np.array([[1, 0], [0, 1], [0.5, 0.5]]))
    hashed_with_means = np.array([[1, 0, 0], [0.8, 0, 0.4], [0.6, 0, 0.8]])
    np.testing.assert_allclose(imputed.values[1].toarray(), hashed_with_means, rtol=1e-6)
