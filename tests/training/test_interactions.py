"""Typed interactions: which of them are positives, and which are taken back."""

import itertools
from pathlib import Path

import pytest

from model.plain.errors import TableUnreadable
from training.data.folder import DataFolder
from training.data.plain import read_folder


def read(
    folder: Path, rows: str, threshold: float | None = 1.0, header: str = "user_id,item_id,event_type,value,timestamp"
) -> DataFolder:
    (folder / "items.csv").write_text("item_id,title\na,One\nb,Two\n")
    (folder / "interactions.csv").write_text(f"{header}\n{rows}\n")
    return read_folder(folder, threshold=threshold)


def judge(folder: Path, *rows: str, threshold: float = 1.0) -> bool:
    """Whether the rows, all of one user and item, come to a positive."""
    table = read(folder, "\n".join(f"u,a,{row}" for row in rows), threshold).interactions
    assert len(table) <= 1
    return bool(table.positive.any())


@pytest.mark.parametrize(
    ("row", "threshold", "positive"),
    [
        ("like,,", 1.0, True),
        ("purchase,0.5,", 1.0, True),
        ("view,,", 1.0, False),
        ("view,,", 0.3, True),
        ("impression,5,", 1.0, False),
        ("hide,,", 1.0, False),
        ("return,,", 1.0, False),
        ("rating,3,", 4.0, False),
        ("rating,4,", 4.0, True),
        ("purchase,,", 4.0, True),
        (",5,", 4.0, True),
        (",3,", 4.0, False),
    ],
)
def test_a_type_says_what_its_weight_says(tmp_path: Path, row: str, threshold: float, positive: bool) -> None:
    """The value is a rating's, or an untyped row's; of a purchase it may be the price."""
    assert judge(tmp_path, row, threshold=threshold) is positive


def test_many_views_are_no_positive_and_one_purchase_is(tmp_path: Path) -> None:
    assert not judge(tmp_path, *["view,,"] * 10)
    assert judge(tmp_path, "view,,", "purchase,,", "impression,,")
    assert judge(tmp_path, "rating,5,1", "rating,2,2", threshold=4)


def test_a_later_return_takes_a_purchase_back_and_a_later_purchase_counts_again(tmp_path: Path) -> None:
    assert not judge(tmp_path, "purchase,,1", "return,,2")
    assert judge(tmp_path, "purchase,,1", "return,,2", "purchase,,3")
    assert judge(tmp_path, "hide,,1", "like,,2")


def test_a_taken_back_item_was_still_seen(tmp_path: Path) -> None:
    table = read(tmp_path, "u,a,purchase,,1\nu,a,return,,2\nu,b,purchase,,1").interactions

    assert (table.items.tolist(), table.positive.tolist()) == ([0, 1], [False, True])


def test_a_look_alone_leaves_nothing(tmp_path: Path) -> None:
    """What a user only looked at may still be recommended; what a user rated badly was seen."""
    table = read(tmp_path, "u,a,view,,\nu,a,impression,,\nu,b,rating,0,\nu,b,view,,").interactions

    assert (table.items.tolist(), table.positive.tolist()) == ([1], [False])


def test_timestamps_decide_and_not_the_order_of_rows(tmp_path: Path) -> None:
    rows = ["purchase,,2026-01-02T10:00:00+01:00", "return,,2026-01-02 09:30:00", "view,,20260103", "impression,,1767348000"]

    assert {judge(tmp_path, *order) for order in itertools.permutations(rows)} == {False}
    rows[1] = "return,,2026-01-02T08:30:00Z"
    assert {judge(tmp_path, *order) for order in itertools.permutations(rows)} == {True}


def test_at_the_same_time_what_takes_back_wins(tmp_path: Path) -> None:
    assert {judge(tmp_path, *order) for order in itertools.permutations(["like,,5", "hide,,5.0"])} == {False}


def test_without_timestamps_the_tables_order_is_that_of_time(tmp_path: Path) -> None:
    assert not judge(tmp_path, "like,,", "hide,,")
    assert judge(tmp_path, "hide,,", "like,,")


def test_rows_without_a_timestamp_come_before_all_others(tmp_path: Path) -> None:
    assert judge(tmp_path, "like,,-5", "hide,,")
    assert not judge(tmp_path, "hide,,-5", "like,,")


def test_bad_typed_rows_are_named_with_what_would_be_accepted(tmp_path: Path) -> None:
    bad = read(
        tmp_path, "u,a,bought,,\nu,a,rating,,\nu,a,rating,inf,\nu,a,like,,yesterday\nu,b,like,,1767348000000"
    ).bad_interactions

    assert bad.examples == {
        "event_type is none of like, purchase, rating, view, impression, hide, return": ["line 2: 'bought'"],
        "a rating's value is no number": ["line 3: ''", "line 4: 'inf'"],
        "timestamp is neither ISO 8601, such as 2026-01-31T12:00:00Z, nor seconds since 1970": [
            "line 5: 'yesterday'",
            "line 6: '1767348000000'",
        ],
    }
    assert (bad.dropped, bad.harmless) == (3, 2)  # a row whose time cannot be read still counts


def test_a_row_must_say_something(tmp_path: Path) -> None:
    folder = read(tmp_path, "u,a,\nu,b,like", header="user_id,item_id,event_type")

    assert folder.bad_interactions.examples == {"neither event_type nor value": ["line 2"]}
    assert folder.interactions.items.tolist() == [1]


def test_what_a_service_counts_as_a_like_is_one_in_what_it_exported(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text('{"events_through": 9, "threshold": 4, "event_weights": {"view": 1, "hide": 0}}')
    rows = "u,a,view,,1\nu,a,hide,,2\nu,b,rating,3,3"

    folder = read(tmp_path, rows, threshold=None)

    assert (folder.liking.threshold, folder.events_through, folder.store_id) == (4.0, 9, None)
    assert folder.interactions.positive.tolist() == [True, False]
    assert read(tmp_path, rows, threshold=3).interactions.positive.all()


@pytest.mark.parametrize(
    "note",
    [
        "[]",
        "{}",
        '{"events_through": 1, "event_weights": {"viw": 1}}',
        '{"events_through": 1, "threshold": "x"}',
        '{"events_through": 1, "store_id": 7}',
    ],
)
def test_a_note_that_no_export_wrote_is_refused(tmp_path: Path, note: str) -> None:
    (tmp_path / "export.json").write_text(note)

    with pytest.raises(TableUnreadable, match="no note of an export"):
        read(tmp_path, "u,a,like,,")
