"""From a name in a training config or a manifest to an encoder."""

from model.encoders.given import MOST_NUMBERS, NOTHING_TO_MAKE, VectorEncoder
from model.encoders.spec import GIVEN, Encoder, Kind
from model.errors import EncoderUnavailable

ACCEPTED = (
    "minilm, minilm-sentences, efficientnet-lite0, lexical-words, lexical-phrases, lexical-attributes, "
    "sentence-text:FOLDER_OR_HUB_ID, sentence-image:FOLDER_OR_HUB_ID, vectors:DIM, or for tests hash-text:DIM and hash-image:DIM"
)


def make_encoder(name: str, device: str = "cpu") -> Encoder:
    """
    The encoder of a name; its packages are imported now and not before.

    Args:
        name: see `ACCEPTED`.
        device: `cpu` or `cuda`, as torch names them.

    Raises:
        EncoderUnavailable: no such name, or what it needs is missing: a GPU where one is asked for, or what made
            features that came with the data.
        FileHashMismatch: a packaged encoder's weights are not the known ones.
    """
    if name.startswith(GIVEN):
        raise EncoderUnavailable(name, NOTHING_TO_MAKE)
    if device == "cuda":
        _require_gpu(name)
    if name == "efficientnet-lite0":
        from model.encoders.efficientnet import EfficientNetLite0

        return EfficientNetLite0(device)
    if name == "minilm":
        from model.encoders.sentence import minilm

        return minilm(device)
    if name == "minilm-sentences":
        from model.encoders.sentence import minilm
        from model.encoders.sentences import SentenceMeanEncoder

        return SentenceMeanEncoder(minilm(device))
    if name.startswith("lexical-"):
        return _make_lexical(name)
    family, _, source = name.partition(":")
    if family in ("sentence-text", "sentence-image") and source:
        from model.encoders.sentence import SentenceEncoder, find_folder

        return SentenceEncoder(find_folder(source), _kind(family), encoder_id="sentence-transformers", device=device)
    if family in ("vectors", "hash-text", "hash-image") and source.isdecimal():
        return _make_sized(name, family, int(source))
    raise EncoderUnavailable(name, f"accepted are {ACCEPTED}")


def _make_lexical(name: str) -> Encoder:
    from model.encoders.attributes import AttributeEncoder
    from model.encoders.lexical import LexicalEncoder

    if name == "lexical-attributes":
        return AttributeEncoder()
    if name in ("lexical-words", "lexical-phrases"):
        return LexicalEncoder(name.removeprefix("lexical-"))
    raise EncoderUnavailable(name, f"accepted are {ACCEPTED}")


def _make_sized(name: str, family: str, dim: int) -> Encoder:
    from model.encoders.hashing import HashEncoder

    if family == "vectors" and 1 <= dim <= MOST_NUMBERS:
        return VectorEncoder(dim)
    if family != "vectors" and 1 <= dim <= 4096:
        return HashEncoder(_kind(family), dim)
    raise EncoderUnavailable(name, f"accepted are {ACCEPTED}")


def _require_gpu(name: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise EncoderUnavailable(
            name, "its device is to be cuda, and torch sees no GPU here: use cpu, or install torch's CUDA build"
        )


def _kind(family: str) -> Kind:
    return Kind(family.rpartition("-")[2])
