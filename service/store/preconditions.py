"""What a client knows of an item, and without which its write must not happen (RFC 9110, section 13)."""

from dataclasses import dataclass

from service.errors import PreconditionFailed

ANY_REVISION = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """Checked by the store in the same transaction as the write."""

    revisions: frozenset[str] | None = None
    """The item must be there in one of these; `*` is any of them. None: whatever there is."""
    absent: bool = False
    """The item must not be there."""

    def require(self, item_id: str, revision: str | None) -> None:
        """
        Args:
            revision: the item's; None where there is no item.

        Raises:
            PreconditionFailed: the item is not as the client knows it.
        """
        stands = self.revisions is None or (revision is not None and not self.revisions.isdisjoint({revision, ANY_REVISION}))
        if not stands or (self.absent and revision is not None):
            raise PreconditionFailed(item_id, there=revision is not None)


UNCONDITIONAL = Precondition()
