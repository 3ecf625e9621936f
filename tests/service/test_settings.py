"""Settings: defaults that work, and a sentence for each that does not."""

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.client import Client
from service.errors import SettingsError
from service.http.edge.hosts import is_loopback
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
        ("THAW_COLD_SHARE", "0.9"),
        ("THAW_COLD_SHARE", "0.01"),
        ("THAW_IMAGE_HOSTS", "shop.example,cdn.example.com:8443"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        read_settings()

    assert name.removeprefix("THAW_").lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("THAW_EVENT_WEIGHTS", "view=0.1", 'THAW_EVENT_WEIGHTS is no JSON: write it as {"view": 0.1}'),
        ("THAW_ENCODER_PLACES", "text=/models", "THAW_ENCODER_PLACES is no JSON: write it as"),
        ("THAW_IMAGE_HOSTS", "https://cdn.example.com/", "'https://cdn.example.com/' is no host's name: write `cdn.example.com`"),
        ("THAW_IMAGE_HOSTS", "*.example.com", "`.example.com` for all below it"),
        ("THAW_COLD_SHARE", "0.9", "less than or equal to 0.5"),
    ],
)
def test_a_bad_value_says_what_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        read_settings()

    assert told in str(caught.value)


@pytest.mark.parametrize("hosts", ["", "cdn.example.com", ".example.com, Shop.example,", "localhost"])
def test_hosts_are_taken_as_names(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("THAW_IMAGE_HOSTS", hosts)

    assert read_settings().image_hosts == hosts


@pytest.mark.parametrize("call", [["health"], ["client"]])
def test_the_command_and_the_client_ask_where_thaw_url_says(monkeypatch: pytest.MonkeyPatch, call: list[str]) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"status": "ready"})

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: real(**options, transport=httpx.MockTransport(answer)))
    monkeypatch.setenv("THAW_URL", "http://elsewhere:9")
    if call == ["health"]:
        CliRunner().invoke(app, call, catch_exceptions=False)
    else:
        with Client() as client:
            client.ready()

    assert asked == ["http://elsewhere:9/health/ready"]


def test_values_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_PORT", "9000")
    monkeypatch.setenv("THAW_CHECKPOINT", "/somewhere")
    monkeypatch.setenv("THAW_ENCODER_PLACES", '{"text": "sentence-text:/models/mine"}')

    settings = read_settings()

    assert (settings.port, settings.checkpoint) == (9000, Path("/somewhere"))
    assert settings.encoder_places == {"text": "sentence-text:/models/mine"}
