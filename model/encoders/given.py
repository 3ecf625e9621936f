"""Features that came with the data: what made them is not here, so that nothing else can be encoded as they were."""

from collections.abc import Mapping, Sequence

from model.encoders.spec import GIVEN, EncoderSpec, Kind, Raw
from model.errors import EncoderUnavailable
from model.features import Encoding

NOTHING_TO_MAKE = (
    "its features came as a file with the data that the checkpoint was trained on, and what made them is not known here; "
    "such a checkpoint ranks the items of a folder that has the same file, and cannot read what is posted to a service"
)


class GivenEncoder:
    """Stands where an encoder would: its spec names the file of features, and it encodes nothing."""

    backend = "given"

    def __init__(self, kind: Kind, dim: int, files: Mapping[str, str]) -> None:
        """
        Args:
            dim: the width of the file's rows.
            files: SHA-256 of the file, by name: features of another file are other features.
        """
        self.spec = EncoderSpec(f"{GIVEN}{kind}", kind, dim, "float32", "as given, rows scaled to length 1", files)

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        """
        Raises:
            EncoderUnavailable: always.
        """
        raise EncoderUnavailable(self.spec.id, NOTHING_TO_MAKE)
