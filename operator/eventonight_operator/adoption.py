"""What to do with objects that were there before us: take them over, or leave them alone."""

from collections.abc import Callable, Collection, Sequence

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.ledger import key_of
from eventonight_operator.plan import Action, Objects
from eventonight_operator.spec import AdoptionPolicy

Root = Callable[[Action], str | None]


def adopted(
    policy: AdoptionPolicy,
    steps: Sequence[Action],
    observed: Objects,
    claims: Collection[str],
    owned: Collection[str],
    root: Root,
) -> list[str]:
    """Return the claimed objects that exist, are not ours yet, and may be taken over.

    Args:
        policy: the resource's word on it.
        steps: what would be done.
        observed: what is there.
        claims: entries of what the resource declares.
        owned: entries of what is ours.
        root: the claim that a step's object belongs to, ``None`` for what is never disputed.

    Raises:
        SystemFaultError: something that is not ours differs, or may not be touched at all; the
            message names the object and the field.
    """
    foreign = {one for one in claims if one not in owned and key_of(one) in observed}
    if policy == "Never" and foreign:
        kind, name = key_of(min(foreign))
        raise SystemFaultError(
            "AdoptionConflict", f"{kind} {name} exists already and adoptionPolicy is Never"
        )
    if policy == "IfMatching":
        for step in steps:
            if step.verb == "update" and root(step) in foreign:
                raise SystemFaultError(
                    "AdoptionConflict",
                    f"{step.kind} {step.name} was there before and differs: "
                    f"{'; '.join(step.changes)}; adoptionPolicy Always would take it over",
                )
    return sorted(foreign)
