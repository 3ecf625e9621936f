"""The service as a process: parity with training, `kill -9`, the command line."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import Checkpoint
from service.client import CallFailed, Client
from service.commands.ingest_folder import ingest_folder
from tests.fakes import draw_jpeg
from tests.processes import free_port, thaw_process
from training.config import DataConfig
from training.data.plain import read_folder
from training.dataset import to_matrix
from training.evaluate import EvaluateConfig, evaluate
from training.metrics import rank_metrics
from training.progress import SilentReporter

pytestmark = pytest.mark.slow
USER = "words-sailing-01"


def run_thaw(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=300)


def test_the_service_ranks_as_the_evaluator_does(
    checkpoint_path: Path, checkpoint: Checkpoint, demo_folder: Path, feature_cache: Path, tmp_path: Path
) -> None:
    """Train-serve parity: NDCG@20 computed from answers over HTTP is the one that `thaw evaluate` prints."""
    data = demo_folder / "new"
    offline = evaluate(EvaluateConfig(checkpoint_path, DataConfig(data, cache=feature_cache)), SilentReporter()).to_fields()
    with thaw_process(checkpoint_path, tmp_path) as service, Client(service.url) as client:
        outcome = ingest_folder(data, url=service.url, split=None, workers=4)
        folder = read_folder(data)
        columns = {item.item_id: at for at, item in enumerate(folder.items)}
        ranks = np.zeros((len(folder.interactions.user_ids), len(columns)), np.float32)
        for row, user_id in enumerate(folder.interactions.user_ids):
            hits = client.recommend(user_id, k=500, cold_only=True, exclude_seen=False)["items"]
            for at, hit in enumerate(hits):
                ranks[row, columns[hit["item_id"]]] = len(hits) - at
    likes = to_matrix(folder.interactions, np.arange(len(columns)), positives=True)
    online = rank_metrics(ranks, np.eye(len(columns), dtype=np.float32), list(columns), likes).means()

    assert (outcome.created, outcome.refused, outcome.incomplete) == (36, 0, 0)
    assert online["ndcg@20"] == pytest.approx(offline["ndcg@20"], abs=1e-3)
    assert online["recall@10"] == pytest.approx(offline["recall@10"], abs=1e-3)


def test_every_acknowledged_item_survives_kill_9(checkpoint_path: Path, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with thaw_process(checkpoint_path, tmp_path) as service:

        def post(worker: int) -> None:
            with Client(service.url) as client:
                for at in range(10_000):
                    item_id = f"item-{worker}-{at}"
                    try:
                        client.put_item(item_id, title=f"title {at}", text=f"words {worker} {at % 7}")
                    except CallFailed:
                        return
                    acknowledged.append(item_id)

        workers = [threading.Thread(target=post, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        while len(acknowledged) < 200 and service.process.poll() is None:
            workers[0].join(0.05)
        service.kill()
        for worker in workers:
            worker.join()
        service.restart()
        service.wait_ready()
        with Client(service.url) as client:
            there = [item["item_id"] for item in client.items()]
            hits = {hit["item_id"] for hit in client.recommend(USER, k=500)["items"]}
            ready = client.ready()

    assert len(acknowledged) >= 200
    assert len(there) == len(set(there)) == ready["items"]
    assert set(acknowledged) <= set(there)
    assert len(hits) == min(500, len(there))
    assert len(there) > 500 or set(acknowledged) <= hits


def test_a_service_that_cannot_start_says_why_in_one_sentence(tmp_path: Path) -> None:
    missing = run_thaw("serve", THAW_CHECKPOINT=str(tmp_path / "none"), THAW_STORE_URL=f"sqlite:///{tmp_path}/s.sqlite")
    bad = run_thaw("serve", THAW_PORT="zero")

    assert missing.returncode == bad.returncode == 1
    assert missing.stderr.strip().startswith("error: no checkpoint at")
    assert "THAW_PORT is 'zero'" in bad.stderr
    assert "Traceback" not in missing.stderr + bad.stderr


def test_ingest_says_what_was_refused(checkpoint_path: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "shop" / "fine.jpg").write_bytes(draw_jpeg())
    (tmp_path / "shop" / "huge.jpg").write_bytes(bytes(13 * 2**20))  # in base64 over the limit of bodies
    rows = [
        {"item_id": "good", "title": "A mug"},
        {"item_id": "bad", "title": "A cup", "image": "bad.jpg"},
        {"item_id": "empty"},
        {"item_id": "good", "title": "again"},
        {"item_id": "half", "title": "A bowl", "image": "gone.jpg"},
        {"item_id": "plain", "image": "fine.jpg"},
        {"item_id": "worse", "image": "bad.jpg"},
        {"item_id": "huge", "title": "A jug", "image": "huge.jpg"},
    ]
    (tmp_path / "shop" / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with thaw_process(checkpoint_path, tmp_path) as service:
        outcome = run_thaw("ingest", str(tmp_path / "shop"), "--url", service.url)
        again = ingest_folder(tmp_path / "shop", url=service.url, split=None, workers=1)

    assert outcome.returncode == 1
    assert "5 new, 0 replaced, 3 refused, 3 without their picture" in outcome.stdout
    assert "not a JPEG, PNG or WebP" in outcome.stderr
    assert "line 5: half: gone.jpg: missing picture file" in outcome.stderr
    assert "plain" not in outcome.stderr  # a picture alone is enough
    assert "accepted; taken without it" in outcome.stderr
    assert again.replaced == 5


def test_a_service_that_is_not_there_is_said_in_a_sentence(demo_folder: Path) -> None:
    outcome = run_thaw("ingest", str(demo_folder / "new"), "--url", f"http://127.0.0.1:{free_port()}")

    assert outcome.returncode == 1
    assert "does not answer" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "serve", "ingest", "demo"])
def test_every_command_has_help(command: str) -> None:
    outcome = run_thaw(command, "--help")

    assert outcome.returncode == 0
    assert "Usage: thaw" in outcome.stdout
