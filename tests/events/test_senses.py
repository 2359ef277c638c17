"""How much each way of saying a word counts."""

from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

import pytest

from services.events.domain import likeness, meanings, senses, words
from services.events.domain.likeness import Kind
from services.events.domain.ranking import PHRASE, WHOLE_TITLE, Wish, rarity
from services.events.domain.senses import WEIGHTS, Sense


def test_what_is_left_of_a_word_with_letters_deleted() -> None:
    assert likeness.endings("rock") == ["ock", "ck", "k"]
    assert likeness.remainders("abc", 1) == {"abc", "ab", "ac", "bc"}
    assert likeness.remainders("ab", 2) == {"ab", "a", "b"}
    assert likeness.remainders("abcdefghij", 0) == {"abcdefgh"}


def test_the_last_letter_of_a_word_of_five_is_its_form() -> None:
    assert [likeness.stem(one) for one in ("festa", "rock", "anno9", "concerti")] == [
        "fest",
        "rock",
        "anno9",
        "concert",
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("abcd", "abcd", 0),
        ("abxcd", "abcd", 1),
        ("abcd", "abxcd", 1),
        ("axcd", "abcd", 1),
        ("bacd", "abcd", 1),
        ("abdc", "abcd", 1),
        ("badc", "abcd", 2),
        ("xabcy", "abc", 2),
        ("abc", "xabcy", 2),
        ("xbcdy", "abcde", 2),
        ("wxyz", "abcd", 3),
        ("a", "abcd", 3),
        ("abca", "bcab", 2),
    ],
)
def test_adding_dropping_changing_and_swapping_cost_one_each(
    one: str, other: str, expected: int
) -> None:
    assert likeness.distance(one, other, 2) == expected


def test_two_typos_are_worse_than_one() -> None:
    found = [
        likeness.typo_kind(one, "carnevale", 2) for one in ("carnevsle", "carnrvsle", "carxyzle")
    ]
    assert found == [Kind.TYPO, Kind.TWO_TYPOS, None]


def test_short_runs_between_signs_are_one_word() -> None:
    assert words.wished("r&b a.b.c rock", 8) == ["rb", "abc", "rock"]
    assert words.wished("ab-cd", 8) == ["abcd"]
    assert words.wished("hip-hop-la", 8) == ["hip", "hop", "la"]
    assert words.wished("-".join(["ab"] * 20), 8) == ["ab" * 20]
    assert words.wished("-".join(["ab"] * 21), 8) == ["ab"]
    assert words.wished("a b a c d", 3) == ["a", "b", "c"]
    assert words.wished("x" * 41, 8) == ["x" * 40]


def test_joined_words_are_of_at_most_40_letters() -> None:
    assert words.joined(None) == []
    assert words.joined("a'" + "b" * 39) == ["a" + "b" * 39]
    assert words.joined("a'" + "b" * 40) == []


def test_words_are_counted_and_cut() -> None:
    assert words.words(" ".join(f"w{n}" for n in range(101))) == [f"w{n}" for n in range(100)]
    assert words.words("x" * 41) == ["x" * 40]
    assert words.words(None) == []


@pytest.mark.parametrize(
    ("count", "weight"), [(1, 3), (30, 3), (31, 2), (600, 2), (601, 1), (90_000, 1)]
)
def test_the_rarer_a_word_the_more_it_weighs(count: int, weight: int) -> None:
    assert rarity(count) == weight


def test_a_wide_word_is_weighed_by_itself_where_it_may_stand() -> None:
    wide = Sense("rock", "tn", wide=True)
    assert [wide.weight(term) for term in ("t:rock", "n:rockers", "t:bedrock", "t:jazz")] == [
        WEIGHTS[Kind.EXACT]["t"],
        WEIGHTS[Kind.PREFIX]["n"],
        WEIGHTS[Kind.INFIX]["t"],
        0,
    ]
    assert (wide.weight("c:rock"), Sense("rock", "tncg", wide=True).weight("g:rock")) == (0, 0)
    assert Sense("rock", "tn").weight("t:rock") == 0
    listed = Sense("rock", "tn", sound={"g:Rock": 3}, wide=True)
    assert listed.weight("g:Rock") == 3


def test_the_best_term_counts_and_none_is_nothing() -> None:
    sense = Sense("rock", "tncg", sound={"t:rock": 20, "n:rock": 18}, typos={"t:rick": 5})
    assert sense.best(["n:rock", "t:rock", "t:x"]) == 20
    assert sense.best_typo(["t:x", "t:rick"]) == 5
    assert (sense.best([]), sense.best_typo([])) == (0, 0)
    assert sense.best_typo(["t:x"]) == 0


def test_a_sense_adds_up_in_how_many_events_it_is() -> None:
    sense = Sense("rock", "tncg")
    sense.take("rock", "t", 3)
    sense.take("rocker", "tn", 4)
    sense.take("jazz", "t", 50)
    assert (sense.sound, sense.events) == (
        {"t:rock": 20, "t:rocker": 13, "n:rocker": 12},
        7,
    )
    sense.forgive("ruck", "tc", 2)
    sense.forgive("rick", "n", 1)
    sense.forgive("rock", "t", 9)
    assert (sense.typos, sense.events) == ({"t:ruck": 5, "c:ruck": 4, "n:rick": 4}, 10)


def test_a_word_stands_only_where_it_may() -> None:
    sense = Sense("rock", "n")
    sense.take("rock", "tc", 3)
    assert (sense.sound, sense.events) == ({}, 0)
    sense.take("rock", "nt", 3)
    assert sense.sound == {"n:rock": 18}


def test_a_tag_is_found_by_what_its_words_mean() -> None:
    sense = Sense("karneval", "tncg")
    sense.take("Carnival", "g", 5)
    sense.take("Rock", "g", 5)
    assert (sense.sound, sense.events) == ({"g:Carnival": WEIGHTS[Kind.EXACT]["g"]}, 5)
    mistyped = Sense("karnevla", "tncg")
    mistyped.forgive("Carnival", "g", 5)
    assert mistyped.typos == {"g:Carnival": WEIGHTS[Kind.TYPO]["g"]}
    city = Sense("florence", "c")
    city.take("firenze", "c", 1)
    assert city.sound == {"c:firenze": WEIGHTS[Kind.EXACT]["c"]}


def test_the_better_meaning_of_a_word_counts() -> None:
    assert Sense("concerto", "tncg").meant["g:Concert"] is Kind.EXACT
    assert Sense("concertos", "tncg").meant["g:Concert"] is Kind.INFLECTED
    assert Sense("bar", "tncg").meant["g:Bar"] is Kind.EXACT


def test_more_is_forgiven_to_a_word_that_is_like_nothing() -> None:
    lost = Sense("abcdef", "t")
    assert (lost.forgiven, Sense("abcdef", "t", wide=True).forgiven) == (2, 1)
    assert Sense("abcdef", "t", sound={"t:abcdefg": 13}).forgiven == 1
    assert lost.remainders() == likeness.remainders("abcdef", 2)
    assert Sense("abc", "t").remainders() == {"abc", "ab", "ac", "bc"}
    assert Sense("ab", "t").remainders() == set()


JAZZ = Sense("jazz", "tn", sound={"t:jazz": 20, "n:jazz": 18})
LIVE = Sense("live", "tn", sound={"t:live": 20, "n:live": 18}, typos={"t:life": 5})


def test_a_score_is_the_sum_of_words_by_rarity() -> None:
    wish = Wish([JAZZ, LIVE], rarities=[3, 1])
    assert wish.score(["n:jazz", "n:live"], typos=False) == 18 * 3 + 18
    assert wish.score(["n:jazz", "t:live", "t:x"], typos=False) == 18 * 3 + 20
    assert wish.score(["n:jazz", "t:life"], typos=False) is None
    assert wish.score(["n:jazz", "t:life"], typos=True) == 18 * 3 + 5
    assert wish.score(["n:jazz", "n:live"], typos=True) is None
    assert wish.score(["n:jazz"], typos=True) is None


def test_each_word_has_a_rarity() -> None:
    with pytest.raises(ValueError, match="argument"):
        Wish([JAZZ, LIVE], rarities=[1]).score(["n:jazz", "n:live"], typos=False)


def test_small_words_add_a_quarter_where_they_stand_as_such() -> None:
    small = Sense("in", "tn", sound={"n:in": 18, "n:inn": 12, "n:bin": 6})
    wish = Wish([JAZZ], welcome=[small], rarities=[1])
    scores = [wish.score(["n:jazz", term], typos=False) for term in ("n:in", "n:inn", "n:bin")]
    assert scores == [18 + 4, 18 + 3, 18]


def test_a_title_that_is_the_wish_counts_more() -> None:
    wish = Wish([JAZZ, LIVE], rarities=[1, 1])
    assert wish.score(["t:jazz", "t:live"], typos=False) == 40 + PHRASE + WHOLE_TITLE
    assert wish.score(["t:live", "t:jazz"], typos=False) == 40 + WHOLE_TITLE
    assert wish.score(["t:jazz", "t:in", "t:live", "t:x"], typos=False) == 40 + PHRASE
    assert Wish([JAZZ], rarities=[1]).score(["t:jazz"], typos=False) == 20 + WHOLE_TITLE


def test_a_form_of_a_city_s_word_still_makes_a_title_whole() -> None:
    formed = Sense("jazz", "t", sound={"t:jazze": 14, "t:jazzed": 13})
    wish = Wish([formed], rarities=[1])
    assert wish.score(["t:jazze"], typos=False) == 14 + WHOLE_TITLE
    assert wish.score(["t:jazzed"], typos=False) == 13


def loaded_anew(module: ModuleType) -> Any:
    """Tables are made while a module is loaded, which is long over when a test begins."""
    spec = find_spec(module.__name__)
    assert spec is not None
    assert spec.loader is not None
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh


def test_a_word_of_several_tags_means_them_all() -> None:
    tags = loaded_anew(meanings).TAGS_BY_WORD
    assert tags["concerto"] == ("Live Music", "Concert")
    assert (tags["karneval"], tags["carnival"]) == (("Carnival",), ("Carnival",))
    assert "notte" not in tags


def test_a_word_of_a_tag_and_a_city_means_both() -> None:
    fresh = loaded_anew(senses)
    assert fresh.LEXICON["concerto"] == ("g:Live Music", "g:Concert")
    assert fresh.LEXICON["florence"][0] == "c:firenze"
    assert set(fresh.LEXICON["rome"]) == {"c:roma", "c:rome", "c:rom"}
    assert "karneval" in fresh.LEXICON_BY_REMAINDER["karnval"]
    assert "florence" in fresh.LEXICON_BY_REMAINDER["florce"]
