"""From a path to a data folder, whichever layout it has."""

from pathlib import Path

from training.data import mmrec, plain
from training.data.folder import DataFolder


def read_data(path: Path, *, threshold: float | None = None) -> DataFolder:
    """
    Reads a folder of features that are given (training/data/mmrec.py) where it is one, else a plain one.

    Args:
        threshold: see `plain.read_folder`.

    Raises:
        DataError: the folder cannot be used at all; single bad rows are counted in it.
        BadConfig: there is a threshold, and nothing to hold against it.
    """
    return mmrec.read_folder(path, threshold=threshold) if mmrec.is_given(path) else plain.read_folder(path, threshold=threshold)
