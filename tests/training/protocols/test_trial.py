"""One split: who is warm and who is not, and what a cut leaves."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.features import Features
from tests.conftest import HASHED
from training.baselines.chance import prepare_chance
from training.baselines.method import Method, Space
from training.baselines.search import TRIES
from training.config import DataConfig, ReadingConfig
from training.errors import BadConfig, NotApplicable, NothingLeft
from training.progress import SilentReporter
from training.protocols import cold_only
from training.protocols.cold_only import compare
from training.protocols.methods import METHODS
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.trial import Arena, Cut, Trial, draw_trial, keep_few
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job


@pytest.fixture(scope="module")
def arena(demo_folder: Path, feature_cache: Path) -> Arena:
    """The small demo, encoded: 80 items."""
    config = ProtocolConfig(
        "cold-only", DataConfig(demo_folder / "catalogue", cache=feature_cache), reading=ReadingConfig(encoders=HASHED)
    )
    return open_arena(config, SilentReporter())


def draw(arena: Arena, seed: int = 0, cut: Cut | None = None) -> Trial:
    return draw_trial(arena, seed, cut or Cut(), SilentReporter())


def ids_of(trial: Trial) -> tuple[list[str], list[str], list[str]]:
    return list(trial.job.warm.item_ids), list(trial.job.cold.item_ids), list(trial.test.item_ids)


def test_eight_tenths_one_and_one(arena: Arena) -> None:
    trial = draw(arena)
    count = len(arena.folder.items)

    parts = ids_of(trial)

    assert [len(part) for part in parts] == [count - 2 * round(count / 10), round(count / 10), round(count / 10)]
    assert sorted(itertools.chain.from_iterable(parts)) == sorted(item.item_id for item in arena.folder.items)
    assert trial.ratio == pytest.approx(len(parts[2]) / len(parts[0]))


def test_likes_of_each_part_are_the_folders(arena: Arena) -> None:
    """Nothing of a validation or test item stands in the warm data, and its own likes stand where they belong."""
    trial, table = draw(arena), arena.folder.interactions
    liked = {
        (table.user_ids[user], arena.folder.items[item].item_id)
        for user, item in zip(table.users[table.positive], table.items[table.positive], strict=True)
    }
    users = trial.job.warm.user_ids
    for ids, likes in zip(ids_of(trial), (trial.job.warm.likes, trial.job.cold.likes, trial.test.likes), strict=True):
        found = {(users[int(user)], ids[int(item)]) for user, item in zip(*likes.nonzero(), strict=True)}
        assert found == {(user, item) for user, item in liked if item in set(ids) and user in set(users)}


def test_a_seed_is_a_split(arena: Arena) -> None:
    one, again, other = draw(arena, 3, Cut(likes=2)), draw(arena, 3, Cut(likes=2)), draw(arena, 4, Cut(likes=2))

    assert ids_of(one) == ids_of(again)
    assert (one.job.warm.likes - again.job.warm.likes).count_nonzero() == 0
    assert ids_of(one)[2] != ids_of(other)[2]


def test_a_cut_of_likes_takes_likes_from_training_alone(arena: Arena) -> None:
    whole, few = draw(arena), draw(arena, cut=Cut(likes=3))

    before, after = (np.diff(trial.job.warm.likes.indptr) for trial in (whole, few))
    assert before.max() > 3
    assert after.tolist() == np.minimum(before, 3).tolist()
    assert few.job.warm.user_ids == whole.job.warm.user_ids
    assert ids_of(few) == ids_of(whole)
    assert (few.test.likes - whole.test.likes).count_nonzero() == 0
    assert (few.job.warm.likes > whole.job.warm.likes).nnz == 0  # none is made up


def test_likes_are_kept_at_random(arena: Arena) -> None:
    warm = draw(arena).job.warm

    one, other = (keep_few(warm, 2, np.random.default_rng(seed)).likes for seed in (0, 1))

    assert (one - other).count_nonzero() > 0
    assert len(np.unique(one.indices)) > 2


def test_a_smaller_catalogue_trains_on_less_and_is_judged_by_the_same(arena: Arena) -> None:
    whole, half = draw(arena), draw(arena, cut=Cut(catalogue=0.5))

    assert len(half.job.warm.item_ids) == round(len(whole.job.warm.item_ids) / 2)
    assert set(half.job.warm.item_ids) < set(whole.job.warm.item_ids)
    assert ids_of(half)[1:] == ids_of(whole)[1:]
    assert half.ratio == pytest.approx(2 * whole.ratio)


def test_reading_keeps_the_named_modalities(arena: Arena) -> None:
    trial = draw(arena)
    names = list(trial.job.specs)

    read = trial.reading(("words", "image"))

    assert set(read.job.specs) == {"words", "image"}
    places = [names.index(name) for name in read.job.specs]
    for whole, part in ((trial.job.warm, read.job.warm), (trial.job.cold, read.job.cold), (trial.test, read.test)):
        assert part.item_ids == whole.item_ids
        assert np.array_equal(part.features.present, whole.features.present[:, places])
        for at, place in enumerate(places):
            assert abs(part.features.values[at] - whole.features.values[place]).max() == 0


def test_a_test_that_nobody_likes_is_refused_in_a_sentence(arena: Arena) -> None:
    """Test items without a like leave nothing to judge by."""
    test = set(draw(arena).test.item_ids)
    table = arena.folder.interactions
    kept = np.array([arena.folder.items[item].item_id not in test for item in table.items])
    fewer = replace(table, users=table.users[kept], items=table.items[kept], positive=table.positive[kept])

    with pytest.raises(NothingLeft, match="likes any of the 8 test items"):
        draw(replace(arena, folder=replace(arena.folder, interactions=fewer)))


def test_items_without_what_is_read_stay_candidates(arena: Arena) -> None:
    features = arena.features
    present = features.present.copy()
    present[:, 0] = False
    trial = draw(replace(arena, features=Features(features.values, present)))

    read = trial.reading((next(iter(arena.specs)),))

    assert ids_of(read) == ids_of(trial)
    assert not read.test.features.present.any()


def test_the_recipe_trains_where_warm_items_have_nothing_that_is_read(arena: Arena) -> None:
    """As it must for a catalogue without words of which some items have no picture."""
    image = list(arena.specs).index("image")
    present = arena.features.present.copy()
    present[::4, image] = False
    trial = draw(replace(arena, features=Features(arena.features.values, present))).reading(("image",))

    trained = train_thaw(trial.job, ThawNumbers(width=8, head_epochs=1, gate_epochs=1, parts=1))

    assert not trial.job.warm.features.present.all()
    assert trained.health["image"]["load"] == [1.0]


def test_a_method_that_reads_nothing_of_what_a_run_encodes_is_left_out(arena: Arena) -> None:
    methods = [Method("random", prepare_chance, reads=()), Method("other", prepare_chance, reads=("sound", "smell"))]

    assert [row.name for row in compare([draw(arena)], methods, SilentReporter())] == ["random"]
    with pytest.raises(NotApplicable, match="this run has no encoder of what is read: sound, smell"):
        compare([draw(arena)], methods[1:], SilentReporter())


class Listener(SilentReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def test_methods_that_leave_nothing_away_are_left_out(arena: Arena) -> None:
    """`thaw: no attributes` is `thaw` itself where there are none: a row of it would say that they are worth nothing."""
    methods = [
        replace(METHODS[name], prepare=prepare_chance, inside=lambda job: 1) for name in METHODS if METHODS[name].takes_away
    ]
    reporter = Listener()

    rows = compare([draw(arena).reading(("image", "text"))], [Method("random", prepare_chance), *methods], reporter)

    assert [row.name for row in rows] == ["random", "thaw: no picture", "thaw: one expert"]
    for name in ("thaw: no attributes", "thaw: no words or phrases", "thaw: whole text and picture"):
        assert f"{name} is left out: this run reads nothing of what it leaves away" in reporter.said


@pytest.mark.parametrize(("error", "left_out"), [(NotApplicable, True), (NothingLeft, True), (BadConfig, False)])
def test_only_a_method_that_cannot_learn_from_the_data_is_left_out(arena: Arena, error: type[Exception], left_out: bool) -> None:
    """A setting that cannot be stops the comparison."""

    def fail(job: Job) -> Space:
        raise error("for this reason")

    methods = [Method("random", prepare_chance, reads=()), Method("other", fail, reads=())]

    if left_out:
        assert [row.name for row in compare([draw(arena)], methods, SilentReporter())] == ["random"]
        return
    with pytest.raises(error, match="for this reason"):
        compare([draw(arena)], methods, SilentReporter())


@pytest.mark.parametrize(
    "name", ["mean profile", "best match in the history", "content kNN", "ridge to SVD", "joint kernel to damped SVD"]
)
def test_every_simple_method_is_tuned_as_hard(arena: Arena, name: str) -> None:
    """By as many settings, of which the validation items like the one best that is used."""
    (row,) = compare([draw(arena)], [METHODS[name]], SilentReporter())

    assert row.tried == TRIES
    assert all("image" in setting for setting in row.settings)


def test_few_users_look_at_what_is_tried_and_all_at_what_is_chosen(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = draw(arena)
    likers = np.flatnonzero(np.diff(trial.job.cold.likes.indptr))
    monkeypatch.setattr(cold_only, "JUDGES", 3)

    few = cold_only.judged_by_few(trial.job.cold)

    assert np.flatnonzero(np.diff(few.likes.indptr)).tolist() == [likers[0], likers[(len(likers) - 1) // 2], likers[-1]]
    assert few.likes[likers[0]].toarray().tolist() == trial.job.cold.likes[likers[0]].toarray().tolist()
    assert few.item_ids == trial.job.cold.item_ids
