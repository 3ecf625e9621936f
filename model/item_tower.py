"""ItemTower: raw content in, features, embeddings out, as numpy arrays."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.content import BoolArray, Content, FloatArray
from model.content_encoder import ContentEncoder, Prepared
from model.encoders.picture import MAX_PIXELS
from model.encoders.spec import Encoder, Kind
from model.errors import DimensionMismatch
from model.features import Encoding, Features
from model.mamex import Mamex

_EMBED_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Embedded:
    """B items' embeddings, and how they came about."""

    embeddings: FloatArray
    """(B, D) float32."""
    gate: FloatArray
    """(B, V) float32: weights of the views, 0 where missing, rows sum to 1."""
    experts: tuple[FloatArray, ...]
    """V arrays (B, K_v) float32: weights of a view's experts, 0 for one that has nothing to read."""

    def __len__(self) -> int:
        return len(self.embeddings)


class ItemTower:
    """
    Everything from content to item embedding: the one piece of code for it, in training and serving.

    `prepare` may run in many threads; `encode` and `embed` in one at a time.
    """

    def __init__(self, encoders: Mapping[str, Encoder], mamex: Mamex, fields: Mapping[str, Sequence[str]]) -> None:
        """
        Args:
            encoders: by modality, one for each of the network's.
            fields: by modality, what its encoder reads of an item; see `ContentEncoder`.

        Raises:
            DimensionMismatch: an encoder's features do not fit the network.
        """
        for modality in mamex.config.modalities:
            got = encoders[modality.name].spec.dim
            if got != modality.dim:
                raise DimensionMismatch(expected=modality.dim, got=got)
        self._reader = ContentEncoder({name: encoders[name] for name in mamex.config.modality_names}, fields)
        self._mamex = mamex.eval()
        self.views = tuple(view.name for view in mamex.config.views)
        self.expert_names = tuple(view.expert_names for view in mamex.config.views)
        self.width = mamex.config.width

    @property
    def fingerprints(self) -> dict[str, str]:
        """The encoders' fingerprints, by modality in the network's order."""
        return {name: encoder.spec.fingerprint for name, encoder in self._reader.encoders.items()}

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """By modality in the network's order."""
        return self._reader.encoders

    def modalities_of(self, kind: Kind) -> frozenset[str]:
        """The modalities that are made of one kind of content."""
        return frozenset(name for name, encoder in self._reader.encoders.items() if encoder.spec.kind is kind)

    def inputs(self, content: Content) -> dict[str, str]:
        """Hashes of what the encoders would read of an item; see `ContentEncoder.inputs`."""
        return self._reader.inputs(content)

    def input(self, modality: str, content: Content) -> str:
        """The hash of what one of them would read; see `ContentEncoder.input`."""
        return self._reader.input(modality, content)

    def prepare(self, content: Content, max_pixels: int = MAX_PIXELS, known: Collection[str] = ()) -> Prepared:
        """What the encoders will read of an item; see `ContentEncoder.prepare`."""
        return self._reader.prepare(content, max_pixels, known)

    def encode(self, items: Sequence[Prepared]) -> Features:
        """The features of B prepared items."""
        return self._reader.encode(items)

    def read_attributes(self, modality: str, contents: Sequence[Content]) -> tuple[Encoding, list[bool]]:
        """The features of B items' attributes; see `ContentEncoder.read_attributes`."""
        return self._reader.read_attributes(modality, contents)

    def readable(self, features: Features) -> BoolArray:
        """(B,) bool: which items `embed` takes, those that have anything that some view reads."""
        views: BoolArray = self._mamex.views_present(torch.from_numpy(features.present)).any(dim=-1).numpy()
        return views

    @torch.inference_mode()
    def embed(self, features: Features) -> Embedded:
        """
        The embeddings of B items from their features.

        Raises:
            NothingPresent: an item has no modality, or none that any view reads.
        """
        rows = range(0, max(len(features), 1), _EMBED_CHUNK)
        chunks = [self._embed_chunk(features.take(slice(row, row + _EMBED_CHUNK))) for row in rows]
        experts = zip(*(chunk.experts for chunk in chunks), strict=True)
        return Embedded(
            np.concatenate([chunk.embeddings for chunk in chunks]),
            np.concatenate([chunk.gate for chunk in chunks]),
            tuple(np.concatenate(view) for view in experts),
        )

    def _embed_chunk(self, features: Features) -> Embedded:
        output = self._mamex(*features.tensors())
        experts = tuple(_to_numpy(weights) for weights in output.expert_weights)
        return Embedded(_to_numpy(output.embedding), _to_numpy(output.log_gate.exp()), experts)


def limit_threads(threads: int) -> None:
    """How many threads each call of torch may use in this process; set it once, before the first tower."""
    torch.set_num_threads(threads)


@contextmanager
def all_threads() -> Iterator[None]:
    """Every core for torch while the context lasts: for large matrices on a machine that has nothing else to do."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _to_numpy(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.cpu().numpy()
    return array
