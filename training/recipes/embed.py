"""What a network makes of many items at once, those of which it can read nothing among them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.content import FloatArray
from model.experts import Mixture
from model.features import Features
from model.mamex import Mamex

_CHUNK = 1024


def readable_rows(mamex: Mamex, features: Features) -> NDArray[np.intp]:
    """Rows of the items of which some view can read anything."""
    rows: NDArray[np.intp] = np.flatnonzero(mamex.views_present(torch.from_numpy(features.present)).any(dim=1).numpy())
    return rows


@torch.inference_mode()
def embed_all(mamex: Mamex, features: Features) -> FloatArray:
    """(I, D) embeddings, with dropout off; zeros for an item of which the network can read nothing."""
    training, device = mamex.training, next(mamex.parameters()).device
    mamex.eval()
    embeddings = np.zeros((len(features), mamex.config.width), np.float32)
    rows = readable_rows(mamex, features)
    for at in range(0, len(rows), _CHUNK):
        some = rows[at : at + _CHUNK]
        embeddings[some] = mamex(*features.take(some).tensors(device)).embedding.cpu().numpy()
    mamex.train(training)
    return embeddings


@torch.no_grad()
def expert_outputs(mixture: Mixture, features: Features) -> Tensor:
    """(C, K, D): what each expert of a view says of some items."""
    chunks = (features.take(slice(start, start + _CHUNK)) for start in range(0, len(features), _CHUNK))
    return torch.cat([mixture.expert_outputs(chunk.tensors()[0]) for chunk in chunks])
