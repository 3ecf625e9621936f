"""
Save and load what training leaves: a directory that is whole or not there.

    manifest.json              what it is; its hash is the version, and it holds the hash of every other file
    network.safetensors        Mamex's weights
    users.json                 user ids, in the order of the rows below
    items.json                 warm item ids, likewise
    embeddings.safetensors     users (U, D), items (I, D) learned, prior_user (D,)
    fold_in.safetensors        what places users from events (`model.fold_in`) and thaws items (`model.thawing`)
    interactions.safetensors   each user's training interactions by item row (CSR): indptr, items, weights
    held_out.json, .safetensors  the same of the items that training held out, with their own user and item ids
    probes.json, .safetensors  what shows whether an encoder computes the same

A pickle is never read.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from model.content import FloatArray
from model.encoders.choose import make_encoder
from model.encoders.probe import Probes
from model.encoders.spec import Encoder, hash_file
from model.errors import (
    CheckpointCorrupt,
    CheckpointExists,
    CheckpointFormat,
    CheckpointMissing,
    CheckpointUnreadable,
    CheckpointUnwritable,
)
from model.interactions import History, Interactions
from model.item_tower import ItemTower
from model.mamex import Mamex
from model.manifest import Manifest

FILES = {
    "network.safetensors",
    "users.json",
    "items.json",
    "embeddings.safetensors",
    "fold_in.safetensors",
    "interactions.safetensors",
    "probes.json",
    "probes.safetensors",
}
LATER_FILES = {"held_out.json", "held_out.safetensors"}
"""Those that older checkpoints lack: what they held out is not known."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained Mamex, and the users and warm items that it was trained on."""

    manifest: Manifest
    mamex: Mamex
    user_ids: Sequence[str]
    user_embeddings: FloatArray
    """(U, D) float32."""
    item_ids: Sequence[str]
    item_embeddings: FloatArray
    """(I, D) float32: the learned embeddings of warm items."""
    prior_user: FloatArray
    """(D,) float32: the embedding of a user of whom nothing is known."""
    fold_in: Mapping[str, FloatArray]
    """By name, what `model.fold_in` and `model.thawing` read."""
    interactions: Interactions
    """Of the users above with the items above."""
    probes: Probes
    held_out: History = field(default_factory=History)
    """What users did with the items that training held out."""

    @property
    def version(self) -> str:
        """The space that its embeddings live in."""
        return self.manifest.version


def save_checkpoint(checkpoint: Checkpoint, path: Path, *, overwrite: bool = False) -> Checkpoint:
    """
    Writes a checkpoint beside its final name, then renames it: a reader sees all of it or nothing.

    Returns:
        The checkpoint with the manifest as written, files' hashes included.

    Raises:
        CheckpointExists, CheckpointUnwritable: as of `require_free`; what is at `path` was not touched.
    """
    require_free(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    working.mkdir()
    try:
        _write_files(checkpoint, working)
        files = {file.name: hash_file(file) for file in sorted(working.iterdir())}
        saved = replace(checkpoint, manifest=replace(checkpoint.manifest, files=files))
        (working / "manifest.json").write_bytes(saved.manifest.to_bytes())
        _sync(working)
        _rename(working, path)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return saved


def require_free(path: Path, *, overwrite: bool) -> None:
    """
    Raises:
        CheckpointExists: something is at `path`, and `overwrite` is not set or it is no checkpoint.
        CheckpointUnwritable: it could not be written there.
    """
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise CheckpointUnwritable(path, place)
    if is_free(path):
        return
    if not overwrite or not (path / "manifest.json").is_file():
        raise CheckpointExists(path, overwrite=overwrite)


def is_free(path: Path) -> bool:
    """Whether nothing lies at a path, or an empty directory."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def load_checkpoint(path: Path) -> Checkpoint:
    """
    Reads a checkpoint, after checking the hash of every file.

    Raises:
        CheckpointMissing, CheckpointUnreadable: there is none, or it cannot be read.
        CheckpointCorrupt: a file is missing or changed.
        CheckpointFormat: a field of the manifest does not fit this version.
    """
    manifest = load_manifest(path)
    if set(manifest.files) - LATER_FILES != FILES:
        raise CheckpointFormat("files", expected=sorted(FILES), got=sorted(manifest.files))
    for name, expected in manifest.files.items():
        _require_hash(path, name, expected)
    try:
        return _read_files(path, manifest)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise CheckpointFormat("files", expected="arrays that fit the manifest", got=str(error)) from error


def load_manifest(path: Path) -> Manifest:
    """Reads the manifest alone; raises as `load_checkpoint` does."""
    try:
        written = (path / "manifest.json").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointMissing(path) from None
    except (OSError, ValueError) as error:  # no permission, too long a name, a NUL in it
        raise CheckpointUnreadable(path, str(error)) from error
    return Manifest.of_bytes(written)


def make_encoders(
    manifest: Manifest, *, places: Mapping[str, str] | None = None, device: str = "cpu", running: Iterable[Encoder] = ()
) -> dict[str, Encoder]:
    """
    The encoders that a checkpoint was trained with, by modality.

    Args:
        places: names to use instead of the manifest's, by modality, where a model lies elsewhere here.
        running: encoders that are loaded already; one of the same spec is not loaded again.

    Raises:
        EncoderUnavailable: one cannot be made here.
        EncoderMismatch: one is not what the checkpoint was trained with.
    """
    encoders = {}
    loaded = {encoder.spec.fingerprint: encoder for encoder in running}
    for modality, record in manifest.encoders.items():
        encoder = loaded.get(record.spec.fingerprint) or make_encoder((places or {}).get(modality, record.name), device)
        record.spec.require_same(modality, encoder.spec)
        encoders[modality] = encoder
    return encoders


def make_tower(checkpoint: Checkpoint, encoders: Mapping[str, Encoder]) -> ItemTower:
    """
    The checkpoint's item tower.

    Raises:
        ProbeMismatch: an encoder computes something else than in training.
    """
    for modality, record in checkpoint.manifest.encoders.items():
        checkpoint.probes.verify(modality, encoders[modality], record.backend)
    return ItemTower(encoders, checkpoint.mamex, checkpoint.manifest.fields)


def _write_files(checkpoint: Checkpoint, folder: Path) -> None:
    state = {name: tensor.contiguous() for name, tensor in checkpoint.mamex.state_dict().items()}
    safetensors.torch.save_file(state, folder / "network.safetensors")
    _write_arrays(
        folder / "embeddings.safetensors",
        users=checkpoint.user_embeddings,
        items=checkpoint.item_embeddings,
        prior_user=checkpoint.prior_user,
    )
    _write_arrays(folder / "fold_in.safetensors", **checkpoint.fold_in)
    _write_arrays(folder / "interactions.safetensors", **checkpoint.interactions.to_arrays())
    _write_arrays(folder / "held_out.safetensors", **checkpoint.held_out.interactions.to_arrays())
    _write_arrays(folder / "probes.safetensors", **checkpoint.probes.to_arrays())
    _write_json(folder / "users.json", list(checkpoint.user_ids))
    _write_json(folder / "items.json", list(checkpoint.item_ids))
    held_out = checkpoint.held_out
    _write_json(folder / "held_out.json", {"users": list(held_out.user_ids), "items": list(held_out.item_ids)})
    _write_json(folder / "probes.json", checkpoint.probes.to_inputs())


def _read_files(folder: Path, manifest: Manifest) -> Checkpoint:
    mamex = Mamex(manifest.network)
    mamex.load_state_dict(safetensors.torch.load_file(folder / "network.safetensors"))
    embeddings = safetensors.numpy.load_file(folder / "embeddings.safetensors")
    probes = safetensors.numpy.load_file(folder / "probes.safetensors")
    user_ids, item_ids = _read_json(folder / "users.json"), _read_json(folder / "items.json")
    _require_shape("users", embeddings["users"], (len(user_ids), manifest.network.width))
    _require_shape("items", embeddings["items"], (len(item_ids), manifest.network.width))
    return Checkpoint(
        manifest=manifest,
        mamex=mamex.eval().requires_grad_(False),
        user_ids=user_ids,
        user_embeddings=embeddings["users"],
        item_ids=item_ids,
        item_embeddings=embeddings["items"],
        prior_user=embeddings["prior_user"],
        fold_in=safetensors.numpy.load_file(folder / "fold_in.safetensors"),
        interactions=Interactions.read(safetensors.numpy.load_file(folder / "interactions.safetensors")),
        probes=Probes.read(_read_json(folder / "probes.json"), probes, manifest.specs),
        held_out=_read_held_out(folder) if manifest.files.keys() >= LATER_FILES else History(),
    )


def _read_held_out(folder: Path) -> History:
    ids = _read_json(folder / "held_out.json")
    arrays = safetensors.numpy.load_file(folder / "held_out.safetensors")
    return History(ids["users"], ids["items"], Interactions.read(arrays))


def _require_shape(name: str, array: FloatArray, expected: tuple[int, int]) -> None:
    if array.shape != expected:
        raise CheckpointFormat(name, expected=expected, got=array.shape)


def _require_hash(path: Path, name: str, expected: str) -> None:
    try:
        got = hash_file(path / name)
    except OSError as error:
        raise CheckpointCorrupt(path, name, "is missing") from error
    if got != expected:
        raise CheckpointCorrupt(path, name, f"has SHA-256 {got}, the manifest says {expected}")


def _write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    safetensors.numpy.save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone; a service may run as another user
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename(working: Path, path: Path) -> None:
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    if path.exists():
        path.rename(old)
    try:
        working.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
