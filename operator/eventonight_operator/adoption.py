"""What to do with objects that were there before us: take them over, or leave them alone."""

from collections.abc import Callable, Collection, Sequence

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.ledger import key_of
from eventonight_operator.plan import Action, Objects
from eventonight_operator.spec import AdoptionPolicy

Root = Callable[[Action], str | None]

# Labels and owner, which only what is ours has, are no difference in what was there before.
OUR_MARKS = "metadata."


def unowned(claims: Collection[str], observed: Objects, owned: Collection[str]) -> frozenset[str]:
    """Return the claims of objects that are there and not in the ledger."""
    return frozenset(one for one in claims if one not in owned and key_of(one) in observed)


def check(
    policy: AdoptionPolicy, steps: Sequence[Action], foreign: Collection[str], root: Root
) -> None:
    """Accept that what is there and not ours becomes ours.

    Args:
        policy: the resource's word on it.
        steps: what would be done.
        foreign: entries of wished objects that are there and not ours.
        root: the entry that a step's object belongs to, ``None`` for what is never disputed.

    Raises:
        SystemFaultError: something that is not ours differs, or may not be touched at all; the
            message names the object and the field.
    """
    if policy == "Never" and foreign:
        kind, name = key_of(min(foreign))
        raise SystemFaultError(
            "AdoptionConflict", f"{kind} {name} exists already and adoptionPolicy is Never"
        )
    if policy != "IfMatching":
        return
    for step in steps:
        differs = [one for one in step.changes if not one.startswith(OUR_MARKS)]
        if step.verb == "update" and differs and root(step) in foreign:
            raise SystemFaultError(
                "AdoptionConflict",
                f"{step.kind} {step.name} was there before and differs: "
                f"{'; '.join(differs)}; adoptionPolicy Always would take it over",
            )
