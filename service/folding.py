"""Users from what they did, in closed form: the sums behind `model.fold_in`, for many users at once."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray


def fold_tastes(
    bases: FloatArray, steps: NDArray[np.floating], weights: NDArray[np.float64], user: NDArray[np.int64]
) -> FloatArray:
    """
    Args:
        bases: (U, F) the tastes that users start from.
        steps: (R, F) what one event of weight 1 adds, for each pair of a user and an item.
        weights: (R,)
        user: (R,) which of the users each pair is of, from 0.

    Returns:
        (U, F) float32 tastes.
    """
    spread = sp.csr_array((weights, (user, np.arange(len(weights)))), shape=(len(bases), len(weights)))
    return np.asarray(bases + spread @ steps.astype(np.float64), np.float32)
