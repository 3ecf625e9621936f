"""How an item's embedding came about, in the words of the API."""

from typing import Any

from model.content import BoolArray
from model.item_tower import Embedded, ItemTower


def describe_fusion(tower: ItemTower, present: BoolArray, embedded: Embedded, row: int) -> dict[str, Any]:
    """
    Which modalities were there, how the gate weighed the views, and which experts spoke in each.

    Args:
        present: (M,) bool of the item.
        row: the item's among the embedded ones.
    """
    gate = {view: round(float(weight), 6) for view, weight in zip(tower.views, embedded.gate[row], strict=True)}
    experts = {
        view: {name: round(float(weight), 6) for name, weight in zip(names, weights[row], strict=True)}
        for view, names, weights in zip(tower.views, tower.expert_names, embedded.experts, strict=True)
        if gate[view] > 0
    }
    modalities = {name: bool(there) for name, there in zip(tower.fingerprints, present, strict=True)}
    return {"modalities": modalities, "gate": gate, "experts": experts}
