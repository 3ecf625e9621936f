"""
The errors of training.

ProjectError (model/errors.py)
├── DataError … (model/plain/errors.py)
│   └── NothingLeft             nothing remains to train on or to rank
└── TrainingError
    ├── BadConfig               what training was told cannot be
    ├── NotApplicable           a recipe cannot read what the encoders give
    └── Diverged                training ended in numbers that are none
"""

from model.errors import ProjectError
from model.plain.errors import DataError


class NothingLeft(DataError):
    """Nothing remains to train on or to rank."""


class TrainingError(ProjectError):
    """The root of what training raises on purpose."""


class BadConfig(TrainingError):
    """What training was told cannot be."""


class NotApplicable(TrainingError):
    """A recipe cannot read what the encoders give."""


class Diverged(TrainingError):
    """Training ended in numbers that are none; nothing was written."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"training diverged: the {what} are not all finite; lower the recipe's rates or raise its ridge")
