"""How widely the scores of a user are spread over items, from the covariance of these."""

import numpy as np
from numpy.typing import NDArray

_ORDER = ["einsum_path", (0, 1), (0, 1)]
"""Of the products: looking for the best one takes longer than a single user's product does."""


def score_deviations(
    users: NDArray[np.floating], covariance: NDArray[np.floating], *, smallest_variance: float = 1e-12
) -> NDArray[np.floating]:
    """
    `√(uᵀ S u)` for each user u.

    Args:
        users: (U, D).
        covariance: S, (D, D) symmetric, of the items that they score.
        smallest_variance: what each variance is raised to at least; the default's root can be divided by.

    Returns:
        (U,) in the wider of the two types.
    """
    variances = np.einsum("ud,de,ue->u", users, covariance, users, optimize=_ORDER)
    return np.asarray(np.sqrt(np.maximum(variances, smallest_variance)))
