"""Settings: defaults that work, and a sentence for each that does not."""

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.hosts import is_loopback
from service.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("THAW_")]:
        monkeypatch.delenv(name)


def test_every_setting_has_a_default_and_a_description() -> None:
    assert read_settings() == Settings()
    assert all(field.description for field in Settings.model_fields.values())


def test_without_keys_only_this_machine_is_served() -> None:
    assert is_loopback(read_settings().host)


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("thaw", False)]
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THAW_PORT", "0"),
        ("THAW_PORT", "eighty"),
        ("THAW_DEVICE", "tpu"),
        ("THAW_REDIS_TIMEOUT_SECONDS", "-1"),
        ("THAW_ENCODER_PLACES", "not json"),
        ("THAW_MAX_BODY_BYTES", "1"),
        ("THAW_PROT", "8000"),
        ("THAW_EVENT_WEIGHTS", '{"viw": 1}'),
        ("THAW_EVENT_WEIGHTS", '{"view": NaN}'),
        ("THAW_EVENT_WEIGHTS", '{"purchase": 1e300}'),
        ("THAW_RATING_POSITIVE", "nan"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        read_settings()

    assert name.removeprefix("THAW_").lower() in str(caught.value).lower()


def test_values_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_PORT", "9000")
    monkeypatch.setenv("THAW_CHECKPOINT", "/somewhere")
    monkeypatch.setenv("THAW_ENCODER_PLACES", '{"text": "sentence-text:/models/mine"}')

    settings = read_settings()

    assert (settings.port, settings.checkpoint) == (9000, Path("/somewhere"))
    assert settings.encoder_places == {"text": "sentence-text:/models/mine"}
