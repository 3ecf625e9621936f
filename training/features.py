"""Run the encoders once over a catalogue, and keep what they gave."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.content import Content
from model.content_encoder import ContentEncoder, shrink
from model.encoders.picture import decode_image
from model.encoders.spec import Encoder, Kind, Raw
from model.errors import ContentError
from model.features import Encoding, Features, is_row, row_to_bytes, rows_of_bytes
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem
from model.plain.kept_features import FolderFeatures
from model.plain.pictures import PictureCache, default_cache
from training.config import DataConfig
from training.data.folder import DataFolder
from training.errors import CacheUnusable, NotApplicable
from training.progress import Reporter

CHUNK = 64  # items between two commits to the cache: what an interruption may cost
_FILE = "features.sqlite"


class FeatureCache:
    """
    Features by encoder and content: a picture seen under another id or in another run is not encoded again.

    Beside them the pictures that were fetched.

    One SQLite file; several runs may share it.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            CacheUnusable: there is no such folder, and none can be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheUnusable(folder, error.strerror or str(error)) from error
        self.pictures = PictureCache(folder)
        self._database = sqlite3.connect(folder / _FILE, timeout=60)
        self._database.execute("PRAGMA journal_mode=WAL").close()
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS features (encoder TEXT, content TEXT, vector BLOB, PRIMARY KEY (encoder, content))"
        ).close()

    def get(self, encoder: str, contents: Sequence[str]) -> dict[str, bytes]:
        """What is kept of some contents, by their hash."""
        marks = ",".join("?" * len(contents))
        query = f"SELECT content, vector FROM features WHERE encoder = ? AND content IN ({marks})"  # noqa: S608 - marks only
        return dict(self._database.execute(query, [encoder, *contents]).fetchall())

    def put(self, encoder: str, rows: dict[str, bytes]) -> None:
        """Keeps some, by content hash; durable when it returns."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)", [(encoder, key, data) for key, data in rows.items()]
            )

    def close(self) -> None:
        self._database.close()


@contextmanager
def open_cache(folder: Path | None) -> Iterator[FeatureCache]:
    """
    The cache in a folder, or in the default one.

    Raises:
        CacheUnusable: it cannot be opened, read or written, now or while it is open.
    """
    folder = folder or default_cache()
    try:
        with closing(FeatureCache(folder)) as cache:
            yield cache
    except sqlite3.Error as error:
        raise CacheUnusable(folder / _FILE, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Item:
    """One item's content, read from disk, and the hash of what each encoder reads of it."""

    item_id: str
    content: Content
    keys: tuple[str | None, ...]


def encode_folder(
    folder: DataFolder, items: Sequence[CatalogueItem], reader: ContentEncoder, data: DataConfig, reporter: Reporter
) -> Features:
    """
    The features of some of a folder's items, in their order, encoded or as they are given there; what cannot be read is
    noted in the folder.

    Args:
        data: the cache, and how much of the folder may be bad.

    Raises:
        TooManyBadRows: before anything is encoded or after it.
        CacheUnusable: the cache cannot be opened, read or written.
        NothingLeft: the folder holds no usable item.
        NotApplicable: it holds other features than are to be read.
    """
    folder.require_usable(data.max_bad_share)
    features = _take_given(folder, items, reader) if folder.given else _encode(folder, items, reader, data, reporter)
    folder.require_usable(data.max_bad_share)
    return features


def _take_given(folder: DataFolder, items: Sequence[CatalogueItem], reader: ContentEncoder) -> Features:
    if not reader.encoders.keys() <= folder.given.keys():
        raise NotApplicable(f"{folder.path} has features of {' and '.join(folder.given)}, and nothing else to read")
    ids = [item.item_id for item in items]
    row_of = {item.item_id: row for row, item in enumerate(folder.items)}
    rows = np.array([row_of[item_id] for item_id in ids], np.intp)
    found = [folder.given[modality].read(rows, ids, folder.bad_items) for modality in reader.encoders]
    return Features(tuple(values for values, _ in found), np.stack([present for _, present in found], axis=1))


def _encode(
    folder: DataFolder, items: Sequence[CatalogueItem], reader: ContentEncoder, data: DataConfig, reporter: Reporter
) -> Features:
    with open_cache(data.cache) as cache, FolderFeatures(folder.path) as kept:
        return encode_items(items, reader, cache, folder.bad_items, reporter, kept)


def encode_items(
    items: Sequence[CatalogueItem],
    reader: ContentEncoder,
    cache: FeatureCache,
    bad: BadRows,
    reporter: Reporter,
    kept: FolderFeatures | None = None,
) -> Features:
    """
    The features of a catalogue, in its order, from the cache where they are there.

    Pictures named by URL are fetched first, if an encoder will look at them. A picture that does not come, or cannot
    be read, is noted in `bad` and counts as missing; an item left with nothing has no modality present.

    Args:
        kept: features that lie in the folder. They are taken where the encoder is the same: a picture's where there is no
            picture, those of words where they were made of the same words.
    """
    _tell_of_unknown_columns(items, reader, reporter)
    encoders = list(reader.encoders.values())
    if any(map(reader.is_picture, reader.encoders)):
        items = _fetch_pictures(items, cache.pictures, bad, reporter)
    names = [encoder_key(encoder) for encoder in encoders]
    rows: list[list[bytes | None]] = []
    with reporter.step("encoding content", len(items)) as advance:
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            rows += _encode_chunk(chunk, reader, names, cache, bad, kept)
            advance(len(chunk))
    columns = [[row[m] for row in rows] for m in range(len(encoders))]
    return Features(
        tuple(_to_encoding(column, encoder) for column, encoder in zip(columns, encoders, strict=True)),
        np.array([[data is not None for data in row] for row in rows], np.bool_).reshape(len(rows), len(encoders)),
    )


def _tell_of_unknown_columns(items: Sequence[CatalogueItem], reader: ContentEncoder, reporter: Reporter) -> None:
    known = {"title", "text"}.union(*(item.attributes for item in items))
    of_words = [names for name, names in reader.fields.items() if reader.encoders[name].spec.kind is Kind.TEXT]
    asked = {name for fields in of_words for names in fields for name in names.split("|")}
    if unknown := sorted(asked - known):
        reporter.say(f"no item has {', '.join(unknown)}, which was to be read: there are {', '.join(sorted(known))}")


def _fetch_pictures(
    items: Sequence[CatalogueItem], pictures: PictureCache, bad: BadRows, reporter: Reporter
) -> Sequence[CatalogueItem]:
    failed: dict[str, str] = {}
    if urls := pictures.missing(items):
        with reporter.step("fetching pictures", len(urls)) as advance:
            failed = pictures.fetch(urls, advance)
    return pictures.place(items, failed, bad)


def encoder_key(encoder: Encoder) -> str:
    """What features of an encoder are kept under: another backend rounds differently."""
    return f"{encoder.spec.fingerprint}:{encoder.backend}"


def _to_encoding(column: Sequence[bytes | None], encoder: Encoder) -> Encoding:
    return rows_of_bytes(column, encoder.spec.dim, sparse=encoder.spec.sparse)


def _encode_chunk(
    chunk: Sequence[CatalogueItem],
    reader: ContentEncoder,
    names: Sequence[str],
    cache: FeatureCache,
    bad: BadRows,
    kept: FolderFeatures | None,
) -> list[list[bytes | None]]:
    items = [_read(item, reader, bad) for item in chunk]
    wanted, known = [], []
    encoders = list(reader.encoders.values())
    for m, (modality, encoder) in enumerate(reader.encoders.items()):
        found = {} if encoder.spec.is_given else cache.get(names[m], [item.keys[m] or "" for item in items])
        known.append({key: data for key, data in found.items() if is_row(data, encoder.spec.dim, sparse=encoder.spec.sparse)})
        if kept is not None:
            given = kept.get(modality, encoder.spec.fingerprint, [item.item_id for item in items])
            items = _take_kept(items, m, encoder, given, known[m])
        new = {key: item for item in items if (key := item.keys[m]) and key not in known[m]}
        raws, refused = _take_raws(new, modality, reader)
        wanted.append(raws)
        for item in items:
            if item.keys[m] in refused:
                bad.note("unreadable picture", f"{item.item_id}: {refused[item.keys[m] or '']}")
    for m, encoded in enumerate(reader.run([list(raws.values()) for raws in wanted])):
        fresh = {key: row_to_bytes(encoded, row) for row, key in enumerate(wanted[m])}
        if not encoders[m].spec.is_given:  # what came with the item need not be kept a second time
            cache.put(names[m], fresh)
        known[m] |= fresh
    return [[known[m].get(key or "") for m, key in enumerate(item.keys)] for item in items]


def _take_kept(
    items: Sequence[_Item], m: int, encoder: Encoder, given: Mapping[str, tuple[str, bytes]], known: dict[str, bytes]
) -> list[_Item]:
    """The items, those that have a folder's features by these: what they are kept under goes into `known`."""
    taken = []
    for item in items:
        read, data = given.get(item.item_id, ("", b""))
        key = item.keys[m]
        if data and key is None and encoder.spec.kind in (Kind.IMAGE, Kind.VECTORS):
            key = read = f"of {item.item_id}"
        if data and key and key == read:
            known[key] = data
        taken.append(replace(item, keys=(*item.keys[:m], key, *item.keys[m + 1 :])))
    return taken


def _read(item: CatalogueItem, reader: ContentEncoder, bad: BadRows) -> _Item:
    try:
        content = item.content()
    except OSError as error:
        bad.note("missing picture file", f"{item.item_id}: {error.strerror}")
        content = Content(item.title, item.text, None, item.attributes, vectors=item.vectors)
    return _Item(item.item_id, content, tuple(_key(reader, name, content) for name in reader.encoders))


def _key(reader: ContentEncoder, modality: str, content: Content) -> str | None:
    """What an item's features are kept under; None where there is nothing to read."""
    if not reader.is_picture(modality):
        return reader.input(modality, content) or None
    return None if content.image is None else _hash(content.image)


def _take_raws(items: Mapping[str, _Item], modality: str, reader: ContentEncoder) -> tuple[dict[str, Raw], dict[str, str]]:
    """What one encoder will read, by content; and why some of it cannot be used."""
    raws: dict[str, Raw] = {}
    refused: dict[str, str] = {}
    for key, item in items.items():
        if not reader.is_picture(modality):
            read = reader.read_given(modality, item.content)
            assert read is not None  # it has a key
            raws[key] = read
            continue
        try:
            raws[key] = shrink(reader.encoders[modality], decode_image(item.content.image or b""))
        except ContentError as error:
            refused[key] = str(error)
    return raws, refused


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
