"""What differs between two deployments: read once from THAW_ variables, then handed down."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, FiniteFloat, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.event_types import WEIGHTS, Liking
from service.errors import SettingsError

PREFIX = "THAW_"
_JSON_EXAMPLES = {"event_weights": '{"view": 0.1}', "encoder_places": '{"text": "sentence-text:/models/mine"}'}
EventWeight = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting with a default that works; `THAW_` and the name in capitals sets it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    checkpoint: Path = Field(Path("checkpoint"), description="The checkpoint directory to serve.")
    force_checkpoint: bool = Field(
        False, description="Serve `THAW_CHECKPOINT` although another one was swapped in since; forgets that one."
    )
    store_url: str = Field(
        "sqlite:///thaw.sqlite",
        description="Where the store is: `sqlite:///` and a path, so `sqlite:////data/thaw.sqlite` for a whole one.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on; only this machine unless told otherwise.")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    redis_url: str | None = Field(
        None, description="A Redis to cache user vectors in, such as `redis://localhost:6379/0`; else a cache in the process."
    )
    redis_timeout_seconds: float = Field(0.05, gt=0, le=5, description="How long a request may wait for Redis.")
    user_cache_size: int = Field(100_000, ge=0, description="User vectors kept in the process.")
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="A larger request body is refused (413).")
    body_timeout_seconds: float = Field(30.0, gt=0, description="A body that takes longer to arrive is refused (408).")
    max_image_pixels: int = Field(50_000_000, ge=1, le=100_000_000, description="A larger picture is refused (422).")
    image_hosts: str = Field(
        "", description="Hosts that `image_url` may name, with commas between; `.example.com` is a domain and all below it."
    )
    image_timeout_seconds: float = Field(10.0, gt=0, description="How long one picture may take to come from its URL.")
    encode_batch: int = Field(16, ge=1, le=1024, description="Most items that the encoders take at once.")
    encode_waiting: int = Field(256, ge=1, description="Items that may wait for the encoders; beyond it 429.")
    store_waiting: int = Field(4096, ge=1, description="Writes that may wait for the store; beyond it 429.")
    torch_threads: int = Field(
        1,
        ge=1,
        description="Threads of each encoder lane, pictures and words, and of products of matrices; more helps only while "
        "nothing else is asked.",
    )
    device: str = Field("cpu", pattern="^(cpu|cuda)$", description="Where encoders run: `cpu` or `cuda`.")
    encoder_places: dict[str, str] = Field(
        default_factory=dict,
        description='Encoders that lie elsewhere than in training, as JSON: `{"text": "sentence-text:/models/mine"}`.',
    )
    read_keys: SecretStr = Field(SecretStr(""), description="API keys that may read, with commas between; 16 characters or more.")
    write_keys: SecretStr = Field(SecretStr(""), description="API keys that may read and write.")
    admin_keys: SecretStr = Field(SecretStr(""), description="API keys that may do everything; admin calls are off without one.")
    keys_file: Path | None = Field(
        None, description="A file of lines `THAW_WRITE_KEYS=...`, or a folder of files `thaw_write_keys` (Docker secrets)."
    )
    allow_open: bool = Field(False, description="Listen beyond this machine although there is no API key.")
    metrics_open: bool = Field(False, description="`/metrics` needs no key; else a read key where there are keys.")
    recall_check_seconds: float = Field(
        300.0, gt=0, description="How often the index is compared with looking at every row (`thaw_index_recall`)."
    )
    exploration: float = Field(
        0.0, ge=0, le=1, description="The share of each list that goes to the newest items, where a request does not say."
    )
    cold_share: float | None = Field(
        None,
        ge=0.02,
        le=0.5,
        description="About which share of a list is cold, 0.02 to 0.5, where a request does not say; sets tau by the checkpoint.",
    )
    tau: float | None = Field(
        None,
        ge=-10,
        le=10,
        description="What a cold item gets on top of its score, in deviations of a user's scores, where a request does not say; "
        "else by THAW_COLD_SHARE, else 0.",
    )
    event_weights: dict[str, EventWeight] = Field(
        default_factory=dict,
        description="How many likes an event of a type is worth, -100 to 100, where it is not the usual, as JSON: "
        '`{"view": 0.1}`. An export and a retraining go by it, too.',
    )
    rating_positive: FiniteFloat | None = Field(
        None, description="The least value of a rating that counts as a like; else what the checkpoint was trained with."
    )
    taste_half_life_days: float | None = Field(
        None, gt=0, description="In how many days what a user did counts half, back from what it did last; else for ever."
    )
    event_retention_days: float | None = Field(
        None, gt=0, description="Events older than this are deleted, once a day; else kept."
    )
    event_pause_seconds: float = Field(
        0.2, ge=0, le=60, description="How long events gather before the items they are on are moved together."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="`debug`, `info`, `warning` or `error`.")
    log_format: str = Field("json", pattern="^(json|console)$", description="`json`, a line each, or `console` for people.")

    @field_validator("image_hosts")
    @classmethod
    def _require_hosts(cls, hosts: str) -> str:
        for host in filter(None, map(str.strip, hosts.split(","))):
            if not re.fullmatch(r"\.?[^\s./:@*]+(\.[^\s./:@*]+)*", host):
                raise ValueError(f"{host!r} is no host's name: write `cdn.example.com`, or `.example.com` for all below it, too")
        return hosts

    @field_validator("event_weights")
    @classmethod
    def _require_types(cls, weights: dict[str, float]) -> dict[str, float]:
        for event_type in weights.keys() - WEIGHTS.keys():
            raise ValueError(f"{event_type!r} has no weight: those that have are {', '.join(WEIGHTS)}")
        return weights

    def liking(self, trained: Liking) -> Liking:
        """
        What counts as a like here, and what each event is worth.

        Args:
            trained: what counted as one in the training of the checkpoint that serves.
        """
        threshold = trained.threshold if self.rating_positive is None else self.rating_positive
        return Liking(threshold, {**WEIGHTS, **self.event_weights})


def read_settings() -> Settings:
    """
    The settings of this process's environment.

    Raises:
        SettingsError: a value is bad, or a THAW_ variable is none that Thaw knows; says which and why.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"THAW_CACHE_DIR", "THAW_URL", "THAW_API_KEY"}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]} is no setting of Thaw; known are {', '.join(sorted(known))}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"{name} is {first['input']!r}: {reason[:1].lower() + reason[1:]}") from error
    except ValueError as error:  # a JSON setting that is not JSON; the message names the field
        name = next((name for name in _JSON_EXAMPLES if f'"{name}"' in str(error)), "")
        if not name:
            raise SettingsError(f"a {PREFIX} variable cannot be read: {error}") from error
        raise SettingsError(f"{PREFIX}{name.upper()} is no JSON: write it as {_JSON_EXAMPLES[name]}") from error
