"""What to leave out of a search that finds nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from services.events.domain.criteria import TEXTS, Criteria

Change = Mapping[str, str]


def relaxations(criteria: Criteria) -> Iterator[tuple[Change, Criteria]]:
    """Yield searches that ask for one thing less, the least missed first.

    Yields:
        the parameters that change, each with its new value, empty to leave it out; and the search.
    """
    if criteria.impossible:
        yield {"tags": ""}, replace(criteria, impossible=False)
        return
    if criteria.price is not None:
        yield {"price": ""}, replace(criteria, price=None)
    if criteria.start is not None or criteria.end is not None:
        yield {"startDate": "", "endDate": ""}, replace(criteria, start=None, end=None)
    if criteria.tags and criteria.other != "feed":
        yield {"tags": ""}, replace(criteria, tags=())
    if criteria.cities:
        yield {"cities": ""}, replace(criteria, cities=())
    for dropped in reversed(criteria.texts):
        texts = tuple(one for one in criteria.texts if one != dropped)
        (name,) = (name for name, spots in TEXTS.items() if spots == dropped[1])
        left = " ".join(word for word, spots in texts if spots == dropped[1])
        if texts or left:
            yield {name: left}, replace(criteria, texts=texts)
