from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.domain import likeness, meanings, words
from services.events.domain.event import TAG_BY_NAME
from services.events.domain.likeness import Kind
from services.events.domain.ranking import Wish, rarity
from services.events.domain.senses import LEXICON, Sense

LETTERS = st.text(alphabet="abcdeor", min_size=1, max_size=9)


def slow_distance(one: str, other: str) -> int:
    """The textbook's table, whole."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, j in product(range(len(one) + 1), range(len(other) + 1)):
        if not i or not j:
            table[i][j] = i + j
            continue
        table[i][j] = min(
            table[i - 1][j] + 1,
            table[i][j - 1] + 1,
            table[i - 1][j - 1] + (one[i - 1] != other[j - 1]),
        )
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(LETTERS, LETTERS, st.integers(0, 2))
def test_the_distance_is_the_textbook_s_up_to_a_bound(one: str, other: str, most: int) -> None:
    assert likeness.distance(one, other, most) == min(slow_distance(one, other), most + 1)


@given(
    st.text(alphabet="abcdeor", min_size=1, max_size=14),
    st.text(alphabet="abcdeor", min_size=3, max_size=14),
)
def test_words_so_near_share_a_remainder(stored: str, wished: str) -> None:
    most = likeness.typos_forgiven(wished, lost=True)
    if likeness.distance(wished, stored, most) <= most:
        assert likeness.remainders(stored) & likeness.remainders(wished, most)


def test_sharing_a_remainder_is_not_enough() -> None:
    assert likeness.remainders("abcdef") & likeness.remainders("abxdyf", 2)
    assert likeness.typo_kind("carnevale", "carnevals", 1) is Kind.TYPO
    assert likeness.remainders("tram") & likeness.remainders("tari", 1) == set()
    assert likeness.remainders("ramt", 1) & likeness.remainders("tram", 1)
    assert likeness.typo_kind("ramt", "tram", 1) is None


@given(st.text(max_size=60), st.text(min_size=1, max_size=5))
def test_every_part_of_a_word_begins_it_or_one_of_its_endings(text: str, part: str) -> None:
    for word in words.words(text):
        if part in word:
            assert any(end.startswith(part) for end in [word, *likeness.endings(word)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Notte Élettronica!", ["notte", "elettronica"]),
        ("L'Elisir d'Amore", ["l", "elisir", "d", "amore"]),
        ("Straße Łódź Ærø", ["strasse", "lodz", "aero"]),
        ("a_b", ["a", "b"]),
        ("東京の夜", ["東京の夜"]),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words.words(text) == expected


def test_signs_inside_a_word_may_be_left_out() -> None:
    assert words.joined("Rock'n'Roll al Ca' del Liscio, R&B") == ["rocknroll", "rb"]
    assert words.wished("r&b alcatraz", 8) == ["rb", "alcatraz"]
    assert words.wished("hip-hop", 8) == ["hip", "hop"]


@pytest.mark.parametrize(
    ("wished", "stored", "expected"),
    [
        ("rock", "rock", Kind.EXACT),
        ("concerti", "concerto", Kind.INFLECTED),
        ("concerto", "concert", Kind.INFLECTED),
        ("concert", "concerti", Kind.INFLECTED),
        ("concert", "concertina", Kind.PREFIX),
        ("rock", "rocks", Kind.PREFIX),
        ("rock", "bedrocker", Kind.INFIX),
        ("rock", "rick", None),
    ],
)
def test_kinds_of_likeness(wished: str, stored: str, expected: Kind | None) -> None:
    assert likeness.kind(wished, stored) is expected


def test_figures_are_never_mistyped() -> None:
    assert likeness.typos_forgiven("2026", lost=True) == 0
    assert [likeness.typos_forgiven("a" * n, lost=False) for n in (3, 4, 7, 8)] == [0, 1, 1, 2]
    assert [likeness.typos_forgiven("a" * n, lost=True) for n in (2, 3, 5, 6)] == [0, 1, 1, 2]


def test_every_tag_is_known_by_its_name_and_in_other_languages() -> None:
    assert set(meanings.TAG_WORDS) == set(TAG_BY_NAME.values())
    assert "g:Carnival" in LEXICON["karneval"]
    assert "c:firenze" in LEXICON["florence"]


def test_small_words_are_needed_only_where_there_are_no_others() -> None:
    both = meanings.needed([("jazz", "tncg"), ("in", "tncg"), ("centro", "tncg"), ("la", "t")])
    assert both == {("jazz", "tncg"), ("la", "t")}


def sense(word: str, *stored: str, spots: str = "tncg") -> Sense:
    made = Sense(word, spots)
    for term in stored:
        made.take(term[2:], term[0], 1)
    for term in stored:
        made.forgive(term[2:], term[0], 1)
    return made


def score(wish: Wish, *terms: str, typos: bool = False) -> int:
    found = wish.score(terms, typos=typos)
    assert found is not None
    return found


RANKED_TERMS = ["t:rock", "n:rock", "c:rock", "t:rockers", "g:Rock", "t:bedrock", "t:rick"]


def test_the_better_kind_first_then_title_before_place_before_city() -> None:
    wish = Wish([sense("rock", *RANKED_TERMS)], rarities=[1])
    sound = [score(wish, term, "t:other") for term in RANKED_TERMS[:-1]]
    order = sorted(sound, reverse=True)
    assert sound == order
    assert len(set(order)) == len(order)
    assert wish.score(["t:rick"], typos=False) is None
    assert score(wish, "t:rick", typos=True) < order[-1]


def test_a_rare_word_in_the_title_outweighs_a_frequent_one() -> None:
    senses = [
        sense("notte", "t:notte", "n:notte"),
        sense("mirabilia", "t:mirabilia", "n:mirabilia"),
    ]
    wish = Wish(senses, rarities=[rarity(9_000), rarity(3)])
    assert score(wish, "t:mirabilia", "n:notte", "t:x") > score(
        wish, "t:notte", "n:mirabilia", "t:x"
    )


def test_a_phrase_and_a_whole_title_count() -> None:
    senses = [sense("notte", "t:notte"), sense("bianca", "t:bianca")]
    wish = Wish(senses, rarities=[1, 1])
    phrase = score(wish, "t:la", "t:notte", "t:bianca", "t:x")
    apart = score(wish, "t:bianca", "t:la", "t:notte", "t:x")
    whole = score(wish, "t:la", "t:notte", "t:bianca")
    assert whole > phrase > apart


def test_all_needed_words_must_be_there() -> None:
    senses = [sense("notte", "t:notte"), sense("milano", "c:milano")]
    for count, typos in product(range(2), (False, True)):
        for terms in combinations(["t:notte", "c:milano"], count):
            assert Wish(senses, rarities=[1, 1]).score(terms, typos=typos) is None
