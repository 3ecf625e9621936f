"""Which encoders read a folder's items, and what of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from model.content_encoder import ContentEncoder
from model.encoders.attributes import read_number
from model.encoders.choose import make_encoder
from model.encoders.spec import Encoder, Kind
from model.plain.items import CatalogueItem, read_word
from training.config import ATTRIBUTES, ReadingConfig
from training.data.folder import DataFolder
from training.errors import BadConfig, NothingLeft
from training.progress import Reporter

FOLLOWS = 0.5
"""Rank correlation with the number of likes, of either sign, from which a number is taken for one that only time brings."""
_FEWEST = 20
"""Items that say whether a number follows likes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one modality is read."""

    name: str
    """Of the encoder, as `make_encoder` takes it."""
    encoder: Encoder
    fields: tuple[str, ...]
    """Of an item: `title`, `text`, names of attributes; none where it reads pictures."""


def make_reader(readings: Mapping[str, Reading]) -> ContentEncoder:
    """The encoders behind one call."""
    encoders = {modality: reading.encoder for modality, reading in readings.items()}
    return ContentEncoder(encoders, {modality: reading.fields for modality, reading in readings.items()})


def reading_of(folder: DataFolder, asked: ReadingConfig) -> ReadingConfig:
    """
    What was asked for over what a folder gives.

    Where it gives features, these are read and nothing is encoded; where it has vectors beside its tables, these are read too,
    in place of what the recipe reads under the same name.

    Raises:
        BadConfig: words are to be read, and the folder has none.
    """
    if "*" in asked.encoders:
        return asked
    if not folder.given:
        return replace(asked, encoders={**_vector_names(folder), **asked.encoders})
    if asked.text_fields != ReadingConfig().text_fields:
        raise BadConfig(f"--text-fields means nothing here: {folder.path} has features, and no words")
    return replace(asked, encoders={"*": "none", **_given_names(folder), **asked.encoders})


def _given_names(folder: DataFolder) -> dict[str, str]:
    return {modality: features.encoder.spec.id for modality, features in folder.given.items()}


def _vector_names(folder: DataFolder) -> dict[str, str]:
    return {name: f"vectors:{dim}" for name, dim in sorted(folder.vector_widths.items())}


def make_readings(
    config: ReadingConfig, folder: DataFolder, labels: Sequence[str], device: str, reporter: Reporter
) -> dict[str, Reading]:
    """
    Encoders by modality; one of attributes only where there are attributes to read.

    Args:
        labels: a split for each item, of which `warm` ones may be learned from.

    Raises:
        BadConfig: no encoder is left, or attributes are named and none reads them.
        NothingLeft: attributes alone are to be read, and no item has one.
        EncoderError: an encoder cannot be made.
    """
    names = config.encoder_names()
    if config.attributes and ATTRIBUTES not in names.values():
        raise BadConfig(f"--attributes {','.join(config.attributes)}: this run has no encoder of attributes")
    attributes = choose_attributes(config, folder, labels, reporter) if ATTRIBUTES in names.values() else ()
    read = {modality: name for modality, name in names.items() if name != ATTRIBUTES or attributes}
    if not read:
        raise NothingLeft("only attributes were to be read, and the items have none that can be")
    encoders = {modality: _find_encoder(folder, modality, name, device) for modality, name in read.items()}
    fields = {modality: _fields_of(modality, encoder, attributes, config) for modality, encoder in encoders.items()}
    return {modality: Reading(name, encoders[modality], fields[modality]) for modality, name in read.items()}


def _find_encoder(folder: DataFolder, modality: str, name: str, device: str) -> Encoder:
    """An encoder by its name; or what stands for one, where the folder gives features."""
    if not folder.given:
        return make_encoder(name, device)
    known = _given_names(folder)
    if known.get(modality) != name:
        have = " and ".join(f"{own}={given}" for own, given in known.items())
        raise BadConfig(f"--encoder {modality}={name}: {folder.path} has no content to encode, but features: {have}, or none")
    return folder.given[modality].encoder


def _fields_of(modality: str, encoder: Encoder, attributes: tuple[str, ...], config: ReadingConfig) -> tuple[str, ...]:
    """What an encoder reads of what is written of an item: nothing where it reads pictures, or what came with the item."""
    if encoder.spec.is_given:
        return ()
    if encoder.spec.kind is Kind.ATTRIBUTES:
        return attributes
    return config.words_of(modality) if encoder.spec.kind is Kind.TEXT else ()


def choose_attributes(config: ReadingConfig, folder: DataFolder, labels: Sequence[str], reporter: Reporter) -> tuple[str, ...]:
    """
    The attributes that were asked for; or all, but numbers that follow the likes: a number of sales or of ratings comes
    with time, and a new item has none.

    Args:
        labels: a split for each item; numbers are compared with likes over the `warm` ones. Empty: nothing is compared.
    """
    known = sorted({name for item in folder.items for name, value in item.attributes.items() if read_word(value)})
    if config.attributes is not None:
        return _known_of(config.attributes, known, reporter)
    likes = np.bincount(folder.interactions.items[folder.interactions.positive], minlength=len(folder.items))
    warm = np.array([row for row, label in enumerate(labels) if label == "warm"], np.intp)
    followed = {name: _follow(pairs) for name, pairs in _numbers([folder.items[row] for row in warm], likes[warm]).items()}
    kept = tuple(name for name in known if abs(followed.get(name, 0.0)) < FOLLOWS)
    for name in sorted(set(known) - set(kept)):
        reporter.say(
            f"the attribute {name} is not read: it goes with the number of likes ({followed[name]:.2f}), as what only time "
            "brings does; if new items have it too, list it in --attributes together with the others"
        )
    if kept:
        reporter.say(f"attributes that are read: {', '.join(kept)}")
    return kept


def _known_of(asked: Sequence[str], known: Sequence[str], reporter: Reporter) -> tuple[str, ...]:
    """Those of the asked attributes that some item has; says which none has."""
    if missing := sorted(set(asked) - set(known)):
        have = f"there are {', '.join(known)}" if known else "no item has any"
        reporter.say(f"no item has the attribute {', '.join(missing)}, which was to be read: {have}")
    return tuple(name for name in asked if name in known)


def _numbers(items: Sequence[CatalogueItem], likes: NDArray[np.int64]) -> dict[str, list[tuple[float, int]]]:
    """By attribute: its numbers, each with the likes of the item that has it."""
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for item, count in zip(items, likes.tolist(), strict=True):
        for name, value in item.attributes.items():
            if (number := read_number(value)) is not None:
                found[name].append((number, count))
    return found


def _follow(pairs: Sequence[tuple[float, int]]) -> float:
    """How closely numbers go with likes: their rank correlation, 0 where few items have a number."""
    numbers, likes = np.array(pairs, np.float64).T
    if len(pairs) < _FEWEST or len(np.unique(numbers)) < 2 or len(np.unique(likes)) < 2:
        return 0.0
    return float(scipy.stats.spearmanr(numbers, likes).statistic)
