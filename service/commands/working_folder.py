"""Folders that commands work in, and those that killed commands left: what users did is in them."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """While it is open, no `remove_left` takes the folder for one that was left."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _try_lock(descriptor)  # where folders cannot be locked nothing is taken for left either
        yield
    finally:
        os.close(descriptor)


def remove_left(parent: Path, prefix: str) -> None:
    """Removes folders of this user in `parent` whose names are the prefix and 8 random characters, and which nobody holds."""
    name = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")
    for folder in parent.iterdir():
        if name.fullmatch(folder.name):
            _remove_unheld(folder)


def _remove_unheld(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # gone, another user's, a link or a file
        return
    try:
        if os.fstat(descriptor).st_uid == os.getuid() and _try_lock(descriptor):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
