"""From the observed to the wished broker: pure, and careful with queues that hold messages."""

from collections.abc import Collection, Iterable, Iterator

from eventonight_operator.ledger import names
from eventonight_operator.plan import Action, Fields, Key, Objects, Verb, differences
from eventonight_operator.spec import Messaging, Unsafe
from eventonight_operator.systems.rabbitmq.topology import NAME, group_sizes, logical

ORDER = ("vhost", "user", "permission", "exchange", "policy", "queue", "binding")
SURPLUS = ("binding", "queue", "policy", "exchange", "user")
BROKER: Key = ("broker", "cluster")
# The broker's counters follow its queues within 5 s; twice that and a little is safe to trust.
COUNTER_SECONDS = 12.0
JOIN_SECONDS = 120.0
# A queue that is being made, or whose group elects, answers long before.
SILENT_SECONDS = 12.0
GROWING_VERSION = (3, 13)


def plan(
    wanted: Messaging,
    unsafe: Unsafe,
    desired: Objects,
    observed: Objects,
    owned: Collection[str],
) -> list[Action]:
    """Return the steps from observed to desired."""
    halves = [key for key in desired if key[0] == "queue" and _is_half(observed, key)]
    steps = differences(NAME, desired, observed)
    steps = [one for one in steps if not _needs(one, halves)]
    steps.sort(key=lambda action: ORDER.index(action.kind))
    # First, since the broker hangs on what it is told of such a queue.
    steps = [_anew(key, desired[key], observed[key]) for key in halves] + steps
    sizes = group_sizes(wanted)
    kept = [_careful(action, unsafe, sizes, observed) for action in steps]
    surplus = list(_surplus(wanted, unsafe, desired, observed, owned))
    return [*kept, *_growth(sizes, observed), *surplus]


def _is_half(observed: Objects, key: Key) -> bool:
    """Tell whether a queue's making was cut short: listed, but no member runs, or none leads.

    Nothing is lost with it: bindings come after the queue, so one without was never delivered to.
    """
    fields = observed.get(key, {})
    members = set(fields.get("members") or ())
    running = set(observed.get(BROKER, {}).get("running", ()))
    return bool(members) and "silent" in fields and members <= running


def is_doubtful(fields: Fields) -> bool:
    """Tell whether nothing shows yet that a queue works: no bindings, no counters."""
    return "unbound" in fields and fields.get("messages") is None


def _needs(action: Action, queues: Collection[Key]) -> bool:
    """Tell whether a step is about one of these queues, or changes what one does or is sent."""
    if action.kind == "policy":
        return any(logical(name, [action.name]) for _, name in queues)
    target = str(action.fields.get("destination", action.name))
    return action.kind in {"queue", "binding"} and ("queue", target) in queues


def _anew(key: Key, wished: Fields, fields: Fields) -> Action:
    words = ("it does not work: its making was cut short, it is made anew",)
    verb: Verb = "update" if fields["silent"] >= SILENT_SECONDS else "waiting"
    return Action(NAME, verb, *key, words, wished)


def removal(
    wanted: Messaging, unsafe: Unsafe, observed: Objects, owned: Collection[str]
) -> list[Action]:
    """Return the steps that remove what is ours: bindings first, so that nothing flows in."""
    queues = names(owned, NAME, "queue")
    ours = [key for key in observed if _is_ours(key, observed[key], queues, owned)]
    bindings = [_delete(key, observed[key]) for key in ours if key[0] == "binding"]
    held = [
        one
        for key in ours
        if key[0] == "queue" and not (one := _queue_removal(key, observed[key], unsafe)).doable
    ]
    if bindings or held:
        return [*bindings, *held]
    vhost = ("vhost", wanted.vhost)
    whole = vhost in observed and f"{NAME}/vhost/{wanted.vhost}" in owned
    if whole and not _foreign(observed, queues, owned):
        rest = [key for key in ours if key[0] == "user"]
        return [_delete(vhost, {}), *(_delete(key, observed[key]) for key in rest)]
    rest = sorted((k for k in ours if k[0] in SURPLUS), key=lambda key: SURPLUS.index(key[0]))
    return [_delete(key, observed[key]) for key in rest]


def _foreign(observed: Objects, queues: Collection[str], owned: Collection[str]) -> bool:
    """Tell whether the vhost holds what others made."""
    return any(
        kind in {"queue", "exchange"} and not _is_ours((kind, name), fields, queues, owned)
        for (kind, name), fields in observed.items()
    )


def _is_ours(key: Key, fields: Fields, queues: Collection[str], owned: Collection[str]) -> bool:
    kind, name = key
    if kind == "binding":
        return logical(str(fields["destination"]), queues) is not None
    if kind in {"queue", "policy"}:
        return logical(name, queues) is not None
    if kind == "exchange" and logical(name, queues) is not None:
        return True
    return f"{NAME}/{kind}/{name}" in owned


def _surplus(
    wanted: Messaging,
    unsafe: Unsafe,
    desired: Objects,
    observed: Objects,
    owned: Collection[str],
) -> Iterator[Action]:
    queues = names(owned, NAME, "queue") | {one.name for one in wanted.queues}
    staying = {logical(name, queues) for kind, name in observed if kind == "queue"}
    for wanted_kind in SURPLUS:
        for key, fields in observed.items():
            if key[0] != wanted_kind or key in desired:
                continue
            if not _is_ours(key, fields, queues, owned):
                continue
            if key[0] == "policy" and key[1] in staying:
                continue
            yield _queue_removal(key, fields, unsafe) if key[0] == "queue" else _delete(key, fields)


def _queue_removal(key: Key, fields: Fields, unsafe: Unsafe) -> Action:
    """Return the deletion of a queue, or why it has to wait; an unknown count is not none."""
    if unsafe.allow_non_empty_queue_deletion:
        return _delete(key, fields)
    messages = fields.get("messages")
    if messages:
        return _blocked(key, f"holds {messages} messages")
    if messages is None or fields.get("unbound", 0.0) < COUNTER_SECONDS:
        words = ("until the broker's counters can be trusted",)
        return Action(NAME, "waiting", *key, words, fields)
    return _delete(key, fields)


def _careful(action: Action, unsafe: Unsafe, sizes: dict[str, int], observed: Objects) -> Action:
    """Hold back a step on a queue that could lose messages or leave it with too few members."""
    if action.kind != "queue":
        return action
    if action.verb == "create":
        missing = _nodes_to_come(sizes[action.name], unsafe, observed)
        return Action(NAME, "waiting", "queue", action.name, (missing,)) if missing else action
    if action.verb == "waiting" or _is_half(observed, ("queue", action.name)):
        return action
    messages = observed["queue", action.name].get("messages")
    if messages != 0 and not unsafe.allow_non_empty_queue_deletion:
        held = "an unknown number of" if messages is None else messages
        return _blocked(
            ("queue", action.name),
            f"{'; '.join(action.changes)}; must be made anew but holds {held} messages",
        )
    return action


def _nodes_to_come(size: int, unsafe: Unsafe, observed: Objects) -> str:
    """Return why a queue is not made yet on a broker that could not grow it later."""
    broker = observed.get(BROKER, {})
    running, steady = len(broker.get("running", ())), float(broker.get("steady", JOIN_SECONDS))
    if unsafe.allow_single_member or _grows(broker) or running >= size or steady >= JOIN_SECONDS:
        return ""
    return f"for {size} broker nodes; {running} run, waited {steady:.0f} of {JOIN_SECONDS:.0f} s"


def _growth(sizes: dict[str, int], observed: Objects) -> Iterator[Action]:
    """Yield what adds a member to each group that is smaller than wished and possible."""
    broker = observed.get(BROKER, {})
    running = list(broker.get("running", ()))
    by_hand: list[str] = []
    node = ""
    for name, size in sizes.items():
        members = list(observed.get(("queue", name), {}).get("members", ()))
        free = [node for node in running if node not in members]
        if not members or not free or len(members) >= size:
            continue
        change = f"members: {len(members)} -> {len(members) + 1}"
        if _grows(broker):
            yield Action(NAME, "update", "group", name, (change,), {"node": free[0]})
        else:
            by_hand.append(name)
            node = node or free[0]
    if by_hand:
        advice = f"this broker only grows them by hand: rabbitmq-queues grow {node} all"
        yield Action(
            NAME, "advice", "group", ", ".join(by_hand), ("fewer members than nodes", advice)
        )


def _grows(broker: Fields) -> bool:
    numbers = str(broker.get("version", "0.0")).split(".")[:2]
    return tuple(int(one) for one in numbers if one.isdecimal()) >= GROWING_VERSION


def _delete(key: Key, fields: Fields) -> Action:
    return Action(NAME, "delete", *key, (), fields)


def _blocked(key: Key, words: str) -> Action:
    lifts = "unsafe.allowNonEmptyQueueDeletion lifts this"
    return Action(NAME, "blocked", *key, (f"{words}; {lifts}",), reason="QueueNotEmpty")


def ready_queues(names_: Iterable[str], observed: Objects) -> tuple[int, list[str]]:
    """Return how many of these queues have most of their members online, and which have not."""
    ready, lost = 0, []
    for name in names_:
        fields = observed.get(("queue", name))
        if fields is None:
            continue
        members, online = fields.get("members", ()), fields.get("online", ())
        if members and 2 * len(online) <= len(members):
            lost.append(name)
        else:
            ready += 1
    return ready, lost
