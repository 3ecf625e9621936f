"""
The errors of training.

ProjectError (model/errors.py)
├── DataError … (model/plain/errors.py)
│   └── NothingLeft             nothing remains to train on or to rank
└── TrainingError
    ├── BadConfig               what training was told cannot be
    ├── CacheUnusable           features cannot be kept where they were to be
    ├── NotApplicable           a recipe cannot read what the encoders give
    └── Diverged                training ended in numbers that are none
"""

from pathlib import Path

from model.errors import ProjectError
from model.plain.errors import DataError


class NothingLeft(DataError):
    """Nothing remains to train on or to rank."""


class TrainingError(ProjectError):
    """The root of what training raises on purpose."""


class BadConfig(TrainingError):
    """What training was told cannot be."""


class CacheUnusable(TrainingError):
    """Features cannot be kept where they were to be, or not read from there."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"the cache {path} cannot be used: {reason}; choose another --cache, or move this one away")


class NotApplicable(TrainingError):
    """A recipe cannot read what the encoders give."""


class Diverged(TrainingError):
    """Training ended in numbers that are none; nothing was written."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"training diverged: the {what} are not all finite; lower the recipe's rates or raise its ridge")
