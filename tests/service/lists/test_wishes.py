"""What a request may wish of its list: calibrated scores, diversity, places for what is new, the share of cold items."""

from typing import Any

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from service.index.faiss_flat import FlatIndex
from service.index.moments import Moments
from service.index.protocol import Entry
from service.lists.diversify import candidates_for, choose_diverse
from service.lists.explore import interleave, slots
from service.lists.ranking import Defaults, Ranking, Reader
from service.lists.recommendation_id import Origin
from service.lists.wish import Pick, Wish
from tests.conftest import ClientMaker
from tests.service.sending import post_warm

USER, OTHER = "words-sailing-01", "words-sailing-02"
X, Y = np.eye(2, dtype=np.float32)


def ranking(entries: list[Entry], tau: float = 0.0, exploration: float = 0.0) -> Ranking:
    index = FlatIndex(2)
    index.put(entries)
    return Ranking(index, 2, Defaults(tau, exploration))


def reader(vector: Any = X, *seen: str) -> Reader:
    return Reader(np.asarray(vector, np.float32), Origin("user", "0" * 12), seen)


def names(picks: list[Pick]) -> list[str]:
    return [pick.item_id for pick in picks]


@pytest.mark.anyio
async def test_relevance_is_in_deviations_of_the_user_s_scores_over_the_catalogue(
    client: httpx.AsyncClient, checkpoint: Checkpoint
) -> None:
    await post_warm(client, checkpoint)
    scores = checkpoint.item_embeddings @ checkpoint.user_embeddings[list(checkpoint.user_ids).index(USER)]

    hits = (await client.get(f"/recommend/{USER}", params={"k": 500, "exclude_seen": False})).json()["items"]

    calibrated = sorted(((scores - scores.mean()) / scores.std()).tolist(), reverse=True)
    assert [hit["relevance"] for hit in hits] == pytest.approx(calibrated, abs=1e-3)


@pytest.mark.anyio
async def test_min_score_means_the_same_for_every_user(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    body = {"user_ids": [USER, OTHER], "k": 500, "exclude_seen": False}

    everything = (await client.post("/recommend", json=body)).json()["lists"]
    above = (await client.post("/recommend", json={**body, "min_score": 0.5})).json()["lists"]

    for whole, cut in zip(everything, above, strict=True):
        assert [hit["item_id"] for hit in cut["items"]] == [hit["item_id"] for hit in whole["items"] if hit["relevance"] >= 0.5]
        assert 0 < len(cut["items"]) < len(whole["items"])


def test_moments_follow_every_change() -> None:
    random = np.random.default_rng(1)
    index, truth = FlatIndex(3), dict[str, Any]()
    for step in range(200):
        name = f"i{random.integers(0, 40)}"
        if step % 3 == 2:
            index.remove([name])
            truth.pop(name, None)
        else:
            truth[name] = random.standard_normal(3).astype(np.float32)
            index.put([Entry(name, truth[name])])
    rows = np.stack(list(truth.values()))

    moments = index.moments()

    assert moments.mean == pytest.approx(rows.mean(axis=0), abs=1e-6)
    assert moments.covariance == pytest.approx(np.cov(rows.T, bias=True), abs=1e-6)


def test_a_catalogue_without_spread_gives_finite_relevances() -> None:
    picks = ranking([Entry("a", X), Entry("b", X)]).rank([reader()], Wish())[0]

    assert [pick.relevance for pick in picks] == [0.0, 0.0]
    assert Moments(np.zeros(2), np.zeros((2, 2))).deviations(np.zeros((1, 2), np.float32)) > 0


def test_no_diversity_is_the_plain_order_and_more_of_it_brings_other_kinds_up() -> None:
    alike = [Entry(f"alike-{at}", np.array([1.0, 0.01 * at], np.float32)) for at in range(6)]
    shop = ranking([*alike, Entry("other", np.array([0.5, 1.0], np.float32))])

    plain = names(shop.rank([reader()], Wish(k=3))[0])
    zero = names(shop.rank([reader()], Wish(k=3, diversity=0.0))[0])
    mixed = names(shop.rank([reader()], Wish(k=3, diversity=0.8))[0])

    assert plain == zero
    assert "other" not in plain
    assert (mixed[0], mixed[1]) == (plain[0], "other")


def test_diversity_follows_its_formula() -> None:
    """By hand: with δ = 1/2 the third is worth 0 - 0, the second .25 - .5."""
    embeddings = np.array([[1, 0], [1, 0], [0, 1]], np.float32)

    assert choose_diverse([2.0, 1.5, 1.0], embeddings, 3, 0.0) == [0, 1, 2]
    assert choose_diverse([2.0, 1.5, 1.0], embeddings, 3, 0.5) == [0, 2, 1]
    assert choose_diverse([2.0, 1.5, 1.0], embeddings, 3, 0.2) == [0, 1, 2]
    assert choose_diverse([], np.zeros((0, 2), np.float32), 3, 0.5) == []
    assert choose_diverse([1.0, 1.0], np.zeros((2, 2), np.float32), 1, 1.0) == [0]


@pytest.mark.parametrize(("k", "diversity", "wanted"), [(5, 0.0, 5), (5, 0.5, 100), (50, 0.1, 200), (500, 1.0, 2000)])
def test_diversity_looks_further_than_the_list(k: int, diversity: float, wanted: int) -> None:
    assert candidates_for(k, diversity) == wanted


def test_new_items_get_their_share_of_places_evenly_spread() -> None:
    old = [Entry(f"old-{at}", np.array([1.0 - at / 100, 0], np.float32), published=1.0) for at in range(30)]
    new = [Entry(f"new-{at}", np.array([-at / 100, 0], np.float32), published=100.0 + at) for at in range(25)]
    shop = ranking([*old, *new])

    picks = shop.rank([reader()], Wish(k=6, exploration=1 / 3))[0]

    assert names(picks) == ["old-0", "old-1", "new-5", "old-2", "old-3", "new-6"]
    assert [pick.reason for pick in picks] == ["relevance", "relevance", "exploration"] * 2
    assert picks == shop.rank([reader()], Wish(k=6, exploration=1 / 3))[0]


def test_exploration_takes_the_newest_and_nothing_that_is_known_or_filtered_out() -> None:
    entries = [Entry(f"i{at:02}", np.array([at % 7, 0], np.float32), published=float(at)) for at in range(60)]
    shop = ranking(entries)

    picks = shop.rank([reader(X, "i59", "i58")], Wish(k=1, exploration=1.0, exclude=("i55",)))[0]

    newest = {f"i{at}" for at in range(60)} & {f"i{at}" for at in (57, 56, 54, 53, 52, 51, 50, 49, 48, 47)}
    assert names(picks)[0] in newest
    assert picks[0].score == max(at % 7 for at in (57, 56, 54, 53, 52, 51, 50, 49, 48, 47))


def test_the_settings_explore_where_a_request_does_not_say() -> None:
    entries = [Entry(f"i{at}", np.array([-at, 0], np.float32), published=float(at)) for at in range(40)]
    shop = ranking(entries, exploration=0.5)

    assert [pick.reason for pick in shop.rank([reader()], Wish(k=2))[0]] == ["relevance", "exploration"]
    assert [pick.reason for pick in shop.rank([reader()], Wish(k=2, exploration=0.0))[0]] == ["relevance", "relevance"]


@pytest.mark.parametrize(("k", "share", "count"), [(10, 0.0, 0), (10, 0.1, 1), (10, 0.25, 3), (3, 1.0, 3), (3, 0.1, 0)])
def test_the_share_is_rounded_to_the_nearest(k: int, share: float, count: int) -> None:
    assert slots(k, share) == count


def test_no_item_has_two_places() -> None:
    picks = [Pick(name, 1.0, 1.0, "relevance") for name in "abcd"]
    fresh = [Pick(name, 0.0, 0.0, "exploration") for name in "bz"]

    assert names(interleave(picks, fresh, 4)) == ["a", "b", "c", "z"]
    assert names(interleave([], fresh, 4)) == ["b", "z"]
    assert names(interleave(picks, [], 2)) == ["a", "b"]


def test_tau_lifts_what_is_cold_by_deviations_of_the_user_s_scores() -> None:
    entries = [Entry("warm", X), Entry("cold", 0 * X, coldness=1.0), Entry("thawing", 0 * X, coldness=0.5), Entry("far", -X)]
    shop = ranking(entries)
    spread = np.sqrt(0.5)  # of the scores 1, 0, 0, -1

    plain = {pick.item_id: pick.score for pick in shop.rank([reader(2 * X)], Wish(tau=0.0))[0]}
    lifted = {pick.item_id: pick for pick in shop.rank([reader(2 * X)], Wish(tau=3.0))[0]}

    assert plain == {"warm": 2.0, "cold": 0.0, "thawing": 0.0, "far": -2.0}
    assert lifted["cold"].score == pytest.approx(3 * 2 * spread)
    assert lifted["thawing"].score == pytest.approx(3 * spread)
    assert lifted["cold"].relevance == pytest.approx(3.0)
    assert lifted["warm"].score == 2.0
    assert names(ranking(entries, tau=3.0).rank([reader(2 * X)], Wish())[0])[0] == "cold"


@pytest.mark.anyio
async def test_tau_of_the_settings_and_of_the_request(service: ClientMaker, checkpoint: Checkpoint) -> None:
    """Far enough up, every cold item comes before every warm one."""
    async with service(tau=10.0).client() as client:
        await post_warm(client, checkpoint)
        await client.post("/items", json={"item_id": "cold", "title": "sailing"})
        by_settings = (await client.get(f"/recommend/{USER}")).json()["items"]
        by_request = (await client.get(f"/recommend/{USER}", params={"tau": -10, "k": 500})).json()["items"]

    assert (by_settings[0]["item_id"], by_settings[0]["state"]) == ("cold", "cold")
    assert by_request[-1]["item_id"] == "cold"


@pytest.mark.anyio
async def test_a_cold_share_sets_tau_by_what_training_measured(service: ClientMaker, checkpoint: Checkpoint) -> None:
    share, tau = (float(checkpoint.fold_in[name][3]) for name in ("cold_shares", "cold_taus"))
    async with service().client() as client:
        await post_warm(client, checkpoint)
        await client.post("/items", json={"item_id": "cold", "title": "sailing"})
        by_tau = (await client.get(f"/recommend/{USER}", params={"tau": tau, "k": 500})).json()["items"]
        by_share = (await client.get(f"/recommend/{USER}", params={"cold_share": share, "k": 500})).json()["items"]
        both = (await client.get(f"/recommend/{USER}", params={"cold_share": share, "tau": 0, "k": 500})).json()["items"]
        plain = (await client.get(f"/recommend/{USER}", params={"k": 500})).json()["items"]
    async with service(cold_share=share).client() as client:
        by_settings = (await client.get(f"/recommend/{USER}", params={"k": 500})).json()["items"]

    scores = [{hit["item_id"]: hit["score"] for hit in hits} for hits in (by_tau, by_share, by_settings)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert scores[0] == pytest.approx(scores[2], abs=1e-5)
    assert both == plain != by_tau


@pytest.mark.anyio
async def test_many_users_get_the_lists_that_each_would_get_alone(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    users = list(checkpoint.user_ids)

    answer = (await client.post("/recommend", json={"user_ids": users, "k": 7, "cold_only": False})).json()

    assert [one["user_id"] for one in answer["lists"]] == users
    for one in answer["lists"]:
        alone = (await client.get(f"/recommend/{one['user_id']}", params={"k": 7})).json()
        assert one["items"] == alone["items"]
    assert len({one["recommendation_id"] for one in answer["lists"]}) == len(users)


@pytest.mark.anyio
async def test_of_many_users_an_unknown_one_gets_its_own_problem(client: httpx.AsyncClient) -> None:
    await client.post("/items", json={"item_id": "a", "title": "x"})

    lists = (await client.post("/recommend", json={"user_ids": ["nobody", USER]})).json()["lists"]
    alone = (await client.get("/recommend/nobody")).json()
    with_fallback = (await client.post("/recommend", json={"user_ids": ["nobody", USER], "fallback": True})).json()["lists"]

    assert lists[0] == {"user_id": "nobody", "problem": alone}
    assert [hit["item_id"] for hit in lists[1]["items"]] == ["a"]
    assert [(one["source"], one["items"][0]["reason"]) for one in with_fallback] == [("prior", "prior"), ("user", "relevance")]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"user_id": USER, "user_ids": [OTHER]}, "body"),
        ({"user_ids": []}, "user_ids"),
        ({"user_ids": ["u"] * 257}, "user_ids"),
        ({"user_ids": ["u"] * 256, "k": 51}, "user_ids"),
        ({"user_ids": ["u"] * 26, "k": 500}, "user_ids"),
        ({"user_id": USER, "diversity": 1.5}, "diversity"),
        ({"user_id": USER, "exploration": -0.1}, "exploration"),
        ({"user_id": USER, "min_score": "high"}, "min_score"),
        ({"user_id": USER, "tau": 11}, "tau"),
        ({"user_id": USER, "exclude": [""]}, "exclude.0"),
        ({"user_id": USER, "exclude": ["x"] * 1001}, "exclude"),
        ({"user_id": USER, "k": 501}, "k"),
        ({"user_id": USER, "wish": 1}, "wish"),
    ],
)
async def test_a_bad_wish_is_refused_by_its_name(client: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/recommend", json=body)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:thaw:problem:invalid-field")
    assert answer.json()["field"] == field


@pytest.mark.anyio
@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"", 422), (b'{"user_id": }', 400)])
async def test_a_body_that_is_no_json_says_so(client: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await client.post("/recommend", content=content, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["field"]) == (status, "body")
