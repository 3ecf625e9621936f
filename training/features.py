"""Run the encoders once over a catalogue, and keep what they gave."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.content import Content
from model.content_encoder import ContentEncoder
from model.encoders.spec import Encoder, Kind
from model.errors import ContentError
from model.features import Encoding, Features, row_to_bytes, rows_of_bytes
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem
from training.progress import Reporter

CHUNK = 64  # items between two commits to the cache: what an interruption may cost


def default_cache() -> Path:
    """`THAW_CACHE_DIR`, or `thaw` in the user's cache folder."""
    own = os.environ.get("THAW_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(home) / "thaw"


class FeatureCache:
    """
    Features by encoder and content: a picture seen under another id or in another run is not encoded again.

    One SQLite file; several runs may share it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "features.sqlite", timeout=60)
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
    """The cache in a folder, or in the default one."""
    cache = FeatureCache(folder or default_cache())
    try:
        yield cache
    finally:
        cache.close()


@dataclass(frozen=True, slots=True)
class _Item:
    """One item's content, read from disk, and the hash of what each encoder reads of it."""

    content: Content
    keys: tuple[str | None, ...]


def encode_items(
    items: Sequence[CatalogueItem], reader: ContentEncoder, cache: FeatureCache, bad: BadRows, reporter: Reporter
) -> Features:
    """
    The features of a catalogue, in its order, from the cache where they are there.

    A picture that cannot be read is noted in `bad` and counts as missing; an item left with nothing
    has no modality present.
    """
    encoders = list(reader.encoders.values())
    names = [encoder_key(encoder) for encoder in encoders]
    rows: list[list[bytes | None]] = []
    with reporter.step("encoding content", len(items)) as advance:
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            rows += _encode_chunk(chunk, reader, names, cache, bad)
            advance(len(chunk))
    columns = [[row[m] for row in rows] for m in range(len(encoders))]
    return Features(
        tuple(_to_encoding(column, encoder) for column, encoder in zip(columns, encoders, strict=True)),
        np.array([[data is not None for data in row] for row in rows], np.bool_).reshape(len(rows), len(encoders)),
    )


def encoder_key(encoder: Encoder) -> str:
    """What features of an encoder are kept under: another backend rounds differently."""
    return f"{encoder.spec.fingerprint}:{encoder.backend}"


def _to_encoding(column: Sequence[bytes | None], encoder: Encoder) -> Encoding:
    return rows_of_bytes(column, encoder.spec.dim, sparse=encoder.spec.sparse)


def _encode_chunk(
    chunk: Sequence[CatalogueItem], reader: ContentEncoder, names: Sequence[str], cache: FeatureCache, bad: BadRows
) -> list[list[bytes | None]]:
    items = [_read(item, reader, bad) for item in chunk]
    known = [cache.get(name, [item.keys[m] or "" for item in items]) for m, name in enumerate(names)]
    new = [row for row, item in enumerate(items) if any(key and key not in known[m] for m, key in enumerate(item.keys))]
    _encode_new([(chunk[row], items[row]) for row in new], reader, names, known, cache, bad)
    return [[known[m].get(key) if key else None for m, key in enumerate(item.keys)] for item in items]


def _read(item: CatalogueItem, reader: ContentEncoder, bad: BadRows) -> _Item:
    try:
        content = item.content()
    except OSError as error:
        bad.note("missing picture file", f"{item.item_id}: {error.strerror}")
        content = Content(item.title, item.text, None, item.attributes)
    words = content.words(reader.text_fields)
    keys = {Kind.TEXT: _hash(words.encode()) if words else None, Kind.IMAGE: content.image and _hash(content.image)}
    return _Item(content, tuple(keys[encoder.spec.kind] or None for encoder in reader.encoders.values()))


def _encode_new(
    items: Sequence[tuple[CatalogueItem, _Item]],
    reader: ContentEncoder,
    names: Sequence[str],
    known: Sequence[dict[str, bytes]],
    cache: FeatureCache,
    bad: BadRows,
) -> None:
    """Encodes items that an encoder has not seen, and adds them to `known` and to the cache."""
    prepared, keys = [], []
    for item, read in items:
        try:
            prepared.append(reader.prepare(read.content))
        except ContentError as error:
            bad.note("unreadable picture", f"{item.item_id}: {error}")
            words_only = Content(item.title, item.text, None, item.attributes)
            if not words_only.words(reader.text_fields):
                continue
            prepared.append(reader.prepare(words_only))
        keys.append(read.keys)
    features = reader.encode(prepared)
    for m, name in enumerate(names):
        rows = {key[m]: row_to_bytes(features.values[m], row) for row, key in enumerate(keys) if features.present[row, m]}
        fresh = {key: data for key, data in rows.items() if key is not None}
        known[m].update(fresh)
        cache.put(name, fresh)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
