"""Ridge regressions between a few columns, in float64."""

import numpy as np
from numpy.typing import NDArray

_SHRINKAGE = 1e-3


def ridge(inputs: NDArray[np.floating], outputs: NDArray[np.floating], shrinkage: float) -> NDArray[np.float64]:
    """Slopes, shrunk by a share of the inputs' mean square."""
    gram = inputs.T.astype(np.float64) @ inputs
    gram[np.diag_indices_from(gram)] += shrinkage * np.trace(gram) / len(gram) + 1e-9
    slopes: NDArray[np.float64] = np.linalg.solve(gram, inputs.T @ outputs)
    return slopes


def regress(inputs: NDArray[np.floating], outputs: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset (F,) and slopes (D, F) of a ridge regression."""
    if not len(inputs):
        return np.zeros(outputs.shape[1]), np.zeros((inputs.shape[1], outputs.shape[1]))
    middle, centre = inputs.mean(axis=0), outputs.mean(axis=0)
    slopes = ridge(inputs - middle, outputs - centre, _SHRINKAGE)
    return centre - middle @ slopes, slopes
