"""Kubernetes objects as flat fields, so that they are compared and told of one by one."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from eventonight_operator.plan import Fields

Document = dict[str, Any]
_FACTORS = {
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
}


def flat(document: Mapping[str, Any]) -> Fields:
    """Return the object's fields by path; items of lists go by their name, if they have one."""
    return dict(_walk(document, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _walk(one, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        # Of owners of one name, only one is ours: they go by uid.
        key = "uid" if path.endswith("ownerReferences") else "name"
        for index, one in enumerate(value):
            yield from _walk(one, f"{path}[{one.get(key, index)}]")
    else:
        yield path, quantity(value) if ".resources." in path else value


def quantity(value: Any) -> Any:
    """Return an amount of processor or memory as a plain number, as ``1`` and ``1000m`` are one."""
    text = str(value)
    for unit in sorted(_FACTORS, key=len, reverse=True):
        number = text.removesuffix(unit)
        if number != text and _is_number(number):
            return f"{(Decimal(number) * _FACTORS[unit]).normalize():f}"
    return f"{Decimal(text).normalize():f}" if _is_number(text) else value


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
