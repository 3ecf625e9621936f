"""Alerts and dashboard name only what `/metrics` really exposes, and each alert is explained."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.commands.serve import check_access
from service.errors import SettingsError
from service.http.edge.keys import read_keys
from service.settings import Settings, read_settings
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg

ROOT = Path(__file__).parent.parent
RULES = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
FROM_PROMETHEUS = {"job", "instance", "le"}  # labels that the scrape adds, or a histogram's own
SELECTOR = re.compile(r"\b((?:thaw|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.fixture
async def exposed(service: ClientMaker) -> dict[str, list[dict[str, str]]]:
    """Labels of every sample by name, after a little of everything was done."""
    async with service().client() as client:
        await client.post("/items", data={"item_id": "a", "title": "mug"}, files={"image": ("a.jpg", draw_jpeg())})
        await client.get("/recommend/words-sailing-01")
        await client.get("/recommend/words-sailing-01")
        text = (await client.get("/metrics")).text
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.anyio
async def test_every_metric_and_label_that_is_named_is_exposed(exposed: dict[str, list[dict[str, str]]]) -> None:
    named = [(where, name, matchers) for where, expr in expressions() for name, matchers in SELECTOR.findall(expr)]

    assert len(named) > 30
    for where, name, matchers in named:
        assert name in exposed, f"{where} names {name}"
        for label, operator, value in MATCHER.findall(matchers):
            if label in FROM_PROMETHEUS:
                continue
            values = {labels.get(label) for labels in exposed[name]}
            assert None not in values, f"{where}: {name} has no label {label}"
            if operator == "=" and label != "status":  # nobody was turned away in this test
                assert value in values, f"{where}: no {name} has {label}={value}"


@pytest.mark.anyio
async def test_what_is_summed_by_a_label_has_it(exposed: dict[str, list[dict[str, str]]]) -> None:
    for where, expr in expressions():
        wanted = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expr) for label in group.split(",")}
        have = {label for name, _ in SELECTOR.findall(expr) for labels in exposed[name] for label in labels}
        assert wanted - have - FROM_PROMETHEUS == set(), where


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_is_explained(rule: dict[str, Any]) -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert f"### {rule['alert']}\n" in manual
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_nothing_is_explained_that_is_no_alert() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^### (Thaw\w+)$", manual, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_compose_starts_without_keys_for_this_machine_alone_and_passes_keys_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image listens on every address, so that the compose file has to say who may come."""
    api = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["api"]
    image = dict(re.findall(r"(THAW_\w+)=(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")))

    for name in [name for name in os.environ if name.startswith("THAW_")]:
        monkeypatch.delenv(name)  # a container has the image's and the compose file's alone

    def start(**outside: str) -> Settings:
        filled = {
            name: re.sub(r"\$\{(\w+):-(.*?)\}", lambda found: outside.get(found[1], found[2]), str(value))
            for name, value in api["environment"].items()
        }
        for name, value in {**image, **filled}.items():
            monkeypatch.setenv(name, value)
        return read_settings()

    def check(settings: Settings) -> None:
        check_access(settings, read_keys(settings))

    assert [port.startswith("127.0.0.1:") for port in api["ports"]] == [True]
    check(start())
    with pytest.raises(SettingsError, match="THAW_ALLOW_OPEN"):
        check(start(THAW_ALLOW_OPEN="false"))
    with_keys = start(THAW_ALLOW_OPEN="false", THAW_ADMIN_KEYS="admin-key-of-the-test")
    check(with_keys)
    assert read_keys(with_keys).has_admin


def test_panels_do_not_lie_upon_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]

    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
