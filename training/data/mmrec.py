"""
The folder of MMRec and of LATTICE: features in `.npy` files, and interactions between numbered users and items.

    image_feat.npy, text_feat.npy          a row an item, either or both
    NAME.inter                             a table of users and items, as MMRec has it; or
    train, val and test .json or .txt      as LATTICE has them, here or in `5-core` or `0-core` (training/data/numbered.py)
    i_id_mapping.csv, u_id_mapping.csv     the ids behind the numbers, where they are there (MMRec); or
    item_list.txt, user_list.txt           the same, beside the interactions (LATTICE)

Whether an interaction was for training, validation or test is not read: here items are held out, not interactions.
"""

from collections.abc import Sequence
from pathlib import Path

from model.encoders.spec import Kind
from model.plain.bad_rows import BadRows
from model.plain.errors import FolderMissing, TableUnreadable
from model.plain.items import CatalogueItem
from model.plain.tables import SUFFIXES
from training.data.folder import DataFolder
from training.data.given import GivenFeatures, open_features
from training.data.numbered import Pairs, read_inter, read_json, read_names, read_txt, to_table
from training.errors import BadConfig

_FEATURES = {Kind.IMAGE: "image_feat.npy", Kind.TEXT: "text_feat.npy"}
_PARTS = ("train", "val", "test")
_CORES = ("", "5-core", "0-core")
"""Where LATTICE keeps the parts; in its `0-core` are the same interactions, divided by items."""
_ITEM_NAMES = ("i_id_mapping.csv", "item_list.txt")
_USER_NAMES = ("u_id_mapping.csv", "user_list.txt")


def is_given(folder: Path) -> bool:
    """Whether a folder has features where a plain one has a table of items."""
    has_items = (folder / "items").is_dir() or any((folder / f"items{suffix}").is_file() for suffix in SUFFIXES)
    return not has_items and any((folder / name).is_file() for name in _FEATURES.values())


def read_folder(path: Path, *, threshold: float | None = None) -> DataFolder:
    """
    Reads a folder of given features; every interaction is a positive. The features' numbers are read later.

    Raises:
        FolderMissing, ColumnMissing, TableUnreadable: the folder cannot be used at all.
        BadConfig: there is a threshold, which nothing here is held against.
        Single bad rows raise nothing: they are counted in `bad_items` and `bad_interactions`.
    """
    if threshold is not None:
        raise BadConfig(f"--threshold means nothing here: every interaction of {path} is a positive")
    files = _find_interactions(path)
    given = _find_features(path)
    count = next(iter(given.values())).rows
    bad_items, bad_interactions = BadRows("items", rows=count), BadRows("interactions")
    pairs = Pairs(count, bad_interactions)
    for file in files:
        _READERS[file.suffix](file, pairs)
    items = _name(path, files[0].parent, _ITEM_NAMES, range(count))
    users = _name(path, files[0].parent, _USER_NAMES, list(pairs.users))
    catalogue = [CatalogueItem(item_id, "", "", None, "") for item_id in items]
    return DataFolder(path, catalogue, to_table(pairs, users), bad_items, bad_interactions, given=given)


_READERS = {".inter": read_inter, ".json": read_json, ".txt": read_txt}


def _find_features(folder: Path) -> dict[str, GivenFeatures]:
    """
    Raises:
        TableUnreadable: a file is not what it should be, or the files do not have as many rows.
    """
    found = {str(kind): open_features(folder / name, kind) for kind, name in _FEATURES.items() if (folder / name).is_file()}
    first, *others = found.values()
    for other in others:
        if other.rows != first.rows:
            rows = f"it has {other.rows:,} rows, and {first.path.name} has {first.rows:,}"
            raise TableUnreadable(other.path, f"{rows}: both must have a row for each item")
    return found


def _find_interactions(folder: Path) -> list[Path]:
    """
    The files that together tell of all interactions.

    Raises:
        FolderMissing: there are none, more than one set of them, or a part of a set is missing.
    """
    sets = [[path] for path in sorted(folder.glob("*.inter"))]
    sets += next((found for core in _CORES if (found := _find_parts(folder / core))), [])
    if not sets:
        parts = ", ".join(f"{part}.json or {part}.txt" for part in _PARTS)
        raise FolderMissing(folder, f"interactions beside its features: one .inter file, or {parts}, there or in 5-core/")
    if len(sets) > 1:
        names = " and ".join(str(files[0].relative_to(folder)) for files in sets)
        raise FolderMissing(folder, f"single set of interactions, but {names}: leave one of them")
    for path in sets[0]:
        if not path.is_file():
            raise FolderMissing(path.parent, f"{path.name} beside {_PARTS[0]}{path.suffix}: all interactions are read")
    return sets[0]


def _find_parts(folder: Path) -> list[list[Path]]:
    """The sets of three that begin in a folder, whether or not they are complete."""
    sets = [[folder / f"{part}{suffix}" for part in _PARTS] for suffix in (".json", ".txt")]
    return [files for files in sets if files[0].is_file()]


def _name(folder: Path, beside: Path, files: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """
    The ids behind numbers; the numbers themselves where no file says more.

    Raises:
        TableUnreadable: a file does not name one of the numbers, or gives two of them one name.
    """
    path = next((path for name in files for place in (folder, beside) if (path := place / name).is_file()), None)
    if path is None:
        return [str(number) for number in numbers]
    names = read_names(path)
    for number in numbers:
        if number not in names:
            raise TableUnreadable(path, f"it names no {number}; without the file, numbers are ids")
    found = [names[number] for number in numbers]
    if len(set(found)) < len(found):
        raise TableUnreadable(path, "it gives one name to several numbers; without the file, numbers are ids")
    return found
