"""The name of a list tells what made it."""

from service.lists.recommendation_id import Origin, name_list, read_name

SPACE = "0123456789ab"


def test_a_name_gives_back_what_made_the_list() -> None:
    assert read_name(name_list(Origin("prior", SPACE))) == Origin("prior", SPACE)
    assert read_name(name_list(Origin("something new", SPACE))) == Origin("other", SPACE)


def test_no_two_lists_have_one_name() -> None:
    assert len({name_list(Origin("user", SPACE)) for _ in range(100)}) == 100


def test_what_is_no_name_of_ours_is_told_apart() -> None:
    name = name_list(Origin("user", SPACE))
    changed = ("0" if name[3] != "0" else "1").join((name[:3], name[4:]))

    assert [read_name(other) for other in ("", "x", changed, name[:-2], name + "00", "ümläut")] == [None] * 6
