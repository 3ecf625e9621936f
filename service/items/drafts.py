"""What is to be written of an item, and what of its content was encoded before."""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from model.content import Content, FloatArray, Scalar
from model.content_encoder import Prepared
from model.encoders.spec import Kind
from model.errors import UnusableVector
from service.errors import InvalidField
from service.fields import check_attributes
from service.space import Space
from service.store.records import HIDING, StoredFeatures, StoredItem


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it was posted."""

    item_id: str
    title: str = ""
    text: str = ""
    images: tuple[bytes, ...] = ()
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    image_urls: tuple[str, ...] = ()
    """Pictures that are still to be fetched."""
    published_at: float | None = None
    expires_at: float | None = None
    hidden: bool = False
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """By modality, (d,) float32: what encoders elsewhere made of it."""
    unnamed: Set[str] = frozenset({"published_at", "expires_at", "hidden"})
    """Which of these three nobody named: what is known of them stays."""

    @property
    def keeps(self) -> Set[str]:
        """What stays of an item that is there; the reason why it is hidden stays while nobody says anew whether it is."""
        return self.unnamed | HIDING if "hidden" in self.unnamed else self.unnamed

    def content(self, fetched: tuple[bytes, ...] = ()) -> Content:
        """What encoders read of it, with the pictures that its URLs gave."""
        first, *others = (*self.images, *fetched) or (None,)
        more = tuple(image for image in others if image is not None)
        return Content(self.title, self.text, first, self.attributes, more, self.vectors)


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """What shall be different about an item; the rest stays."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """New values by field: `title`, `text`, `hidden`, `hidden_reason`, `published_at`, `expires_at`."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    """Merged into the item's; None removes one."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An item on its way into the store."""

    space: Space
    """The space that it is for."""
    item: StoredItem
    """With the features, and the embedding, that are kept."""
    prepared: Prepared
    """What is still to be encoded."""
    inputs: Mapping[str, str]
    """Hash of what each modality's encoder reads."""
    thumbnail: bytes | None = None
    base: StoredItem | None = None
    """What it was built on: it may be written only in place of this. None: whatever there is."""
    keeps: Set[str] = frozenset()
    """What of an item that is there when it is written stays: what the post did not name."""
    may_be_unplaced: bool = False
    """Whether it may be written although the network cannot read its features: it was so before."""

    def says_more_than(self, known: StoredItem | None) -> bool:
        """Whether writing it would change what is known."""
        return known is None or self.item.embedding is None or _description(self.item) != _description(known)


def draft_posted(space: Space, new: NewItem, content: Content, known: StoredItem | None, max_pixels: int) -> Draft:
    """
    A posted item; what was encoded of the same content before is kept.

    Raises:
        ContentError: the content cannot be used.
    """
    _require_read(space, content)
    inputs = space.tower.inputs(content)
    kept = _still_true(space, known, inputs)
    prepared = space.tower.prepare(content, max_pixels, kept)
    item = StoredItem(
        new.item_id,
        new.title,
        new.text,
        new.attributes,
        kept,
        hidden=new.hidden,
        published_at=new.published_at,
        expires_at=new.expires_at,
        pictures=content.pictures_hash,
    )
    if known is not None:
        item = replace(item, **{name: getattr(known, name) for name in new.keeps})
    base = known if kept else None
    return _keep_embedding(space, Draft(space, item, prepared, inputs, prepared.thumbnail, base, new.keeps), known)


def draft_changed(space: Space, changes: ItemChanges, known: StoredItem) -> Draft:
    """
    A known item with some changes; its pictures' features stay, its words are encoded again where they differ.

    Raises:
        NothingPresent: nothing would be left of its content.
        InvalidField: it would have too many attributes, or too long ones.
    """
    attributes = {name: value for name, value in {**known.attributes, **changes.attributes}.items() if value is not None}
    try:
        check_attributes(attributes)
    except ValueError as error:
        raise InvalidField("attributes", str(error)) from error
    changed = replace(known, **changes.fields, attributes=attributes if changes.attributes else known.attributes)
    content = Content(changed.title, changed.text, None, changed.attributes)
    inputs = space.tower.inputs(content)
    kept = _of_pictures_and_others(space, known) | _still_true(space, known, inputs)
    prepared = space.tower.prepare(content, known=kept)
    item = replace(changed, features=kept, embedding=None)
    return _keep_embedding(
        space, Draft(space, item, prepared, inputs, None, known, may_be_unplaced=known.embedding is None), known
    )


def _require_read(space: Space, content: Content) -> None:
    """
    Raises:
        UnusableVector: there is a vector by a name that the space reads none of, so that it would be lost.
    """
    read = space.tower.modalities_of(Kind.VECTORS)
    for name in sorted(content.vectors.keys() - read):
        names = f"of {', '.join(sorted(read))} alone" if read else "of no name"
        raise UnusableVector(name, f"the checkpoint reads vectors {names}")


def _still_true(space: Space, known: StoredItem | None, inputs: Mapping[str, str]) -> dict[str, StoredFeatures]:
    """Stored features that the space's encoders would make again of these inputs."""
    stored = {} if known is None else known.features
    fingerprints = space.tower.fingerprints
    return {
        name: stored[name]
        for name, read in inputs.items()
        if name in stored and (stored[name].input, stored[name].fingerprint) == (read, fingerprints[name])
    }


def _of_pictures_and_others(space: Space, known: StoredItem) -> dict[str, StoredFeatures]:
    """Stored features that changed words and attributes leave alone: of pictures, vectors, and what another checkpoint reads."""
    others = space.tower.modalities_of(Kind.IMAGE) | space.tower.modalities_of(Kind.VECTORS)
    words = space.tower.fingerprints.keys() - others
    return {name: kept for name, kept in known.features.items() if name not in words}


def _keep_embedding(space: Space, draft: Draft, known: StoredItem | None) -> Draft:
    """The draft with the known embedding, if all that the network reads is as it was."""
    read = space.tower.fingerprints.keys()
    if known is None or not draft.prepared.is_empty or (known.features.keys() & read) != (draft.item.features.keys() & read):
        return draft
    if not _same_attributes(space, known, draft):
        return draft
    return replace(draft, item=replace(draft.item, embedding=known.embedding))


def _same_attributes(space: Space, known: StoredItem, draft: Draft) -> bool:
    """
    Whether the network reads the same in the draft's attributes as in those of the known item.

    Stored features do not tell: those of attributes are made anew in every space (`service.items.placing`).
    """
    before = space.tower.inputs(Content(attributes=known.attributes))
    return all(before.get(name) == draft.inputs.get(name) for name in space.tower.modalities_of(Kind.ATTRIBUTES))


def _description(item: StoredItem) -> tuple[object, ...]:
    attributes = json.dumps(dict(item.attributes), sort_keys=True)  # tells 1, 1.0 and true apart
    shown = (item.hidden, item.hidden_reason, item.published_at, item.expires_at)
    return (item.title, item.text, attributes, item.pictures, *shown)
