"""What `explain` says: first why, then what happened and when."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from bridge.cli.tables import moment, table
from bridge.cli.words import action, rule, waits
from bridge.config.problems import printable

Facts = Mapping[str, Any]


def explained(found: Facts) -> Iterator[str]:
    """Say everything, a part for each message."""
    if not found["entries"]:
        yield from _nothing(found)
    for position, entry in enumerate(found["entries"]):
        yield from [""] * (position > 0)
        yield from _entry(found, entry)
    if found["problem"] and found["entries"]:
        yield f"not everything could be searched: {printable(found['problem'])}"


def _nothing(found: Facts) -> Iterator[str]:
    device, asked = printable(found["device"]), printable(found["asked"])
    yield f"device {device}: nothing is known of {asked}"
    if found["problem"]:
        yield f"not everything could be searched: {printable(found['problem'])}"
    elif not found["unlisted"]:
        yield "it is no unique-id that it was shown, and no message in the listed mailboxes of its accounts has it"
    for place in found["unlisted"]:
        yield (
            f"it lies in {_place(place)}, and is not listed: either it just came there, or it is held back for a moment"
            " because it may have been moved"
        )


def _entry(found: Facts, entry: Facts) -> Iterator[str]:
    known_as = f" (its own is {entry['uidl']})" if entry["alias"] else ""
    yield f"unique-id {printable(entry['alias'] or entry['uidl'])}{printable(known_as)}"
    yield f"device {printable(found['device'])} {_why(entry, printable(found['device']))}"
    for place in entry["locations"]:
        if place["gone_at"] is None:
            yield f"it lies in {_place(place)}, {place['measured'] or place['size']} octets"
    # By time alone: what happened at one moment, a QUIT, keeps its order.
    events = sorted(_events(entry), key=itemgetter(0))
    yield from table(("when", "what"), [(moment(at), what) for at, what in events])
    for other in entry["others"]:
        hidden = "and does not see it any more" if other["hidden"] else "and still sees it"
        yield f"device {printable(other['device'])} was shown it too, {hidden}"


def _why(entry: Facts, device: str) -> str:
    undo = f"`popbridge device undo {device}` or `popbridge device reset {device}` shows it again"
    if entry["gone_at"] is not None and not any(one["moved_to"] for one in entry["intents"]):
        undo = f"it is gone upstream since {moment(entry['gone_at'])}, and cannot come back"
    match entry["why"]:
        case "shown":
            return "is shown it"
        case "deleted":
            return f"is not shown it: it deleted it; {undo}"
        case "retrieved":
            return f"is not shown it: it fetched it, and has such messages hidden (`on_retrieve`); {undo}"
        case "start":
            return "is not shown it: it is older than what it is to begin with (`start`)"
        case "window":
            return "is not shown it: it has left its window (`window`)"
        case "search":
            return "is not shown it: it did not match its `search` when that was asked"
        case "copy":
            original = printable(entry["duplicate_of"])
            return f"is not shown it: it is a copy of {original}, which it is shown in its place (`deduplicate`)"
        case "gone":
            return f"is not shown it: it is gone upstream since {moment(entry['gone_at'])}"
        case "no_source":
            return "is not shown it: where it lies is none of its `sources`"
        case "source_not_shown":
            return "is not shown it: the mailbox where it lies was not shown to it yet; a login after it is listed does"
        case "next":
            return "was not asked since it came: its next login decides"
        case other:
            return f"is not shown it: {printable(other)}"


def _place(place: Facts) -> str:
    where = f"{place['account']}/{place['mailbox']}"
    return f"{printable(where)}, UID {place['uid']} under UIDVALIDITY {place['uidvalidity']}"


def _events(entry: Facts) -> Iterator[tuple[float, str]]:
    first = entry["locations"][0] if entry["locations"] else None
    yield entry["first_seen"], "first seen" + (f" in {first['account']}/{first['mailbox']}" if first else "")
    for place in entry["locations"]:
        if place["gone_at"] is not None:
            yield place["gone_at"], f"gone from {place['account']}/{place['mailbox']}"
    if entry["announced_at"] is not None:
        number = "" if entry["position"] is None else f", the {entry['position'] + 1}. message it was ever shown"
        yield entry["announced_at"], f"announced to it{_session(entry['announced_in'])}{number}"
    if entry["sent_at"] is not None:
        yield entry["sent_at"], "sent to it whole"
    if entry["acknowledged_at"] is not None:
        yield entry["acknowledged_at"], "acknowledged by its QUIT"
    if (hide := entry["hide"]) is not None:
        yield hide["at"], f"hidden from it{_session(hide['session'])}: {rule(hide['rule'])}"
    for intent in entry["intents"]:
        yield from _intent(intent)


def _intent(intent: Facts) -> Iterator[tuple[float, str]]:
    what = f"{action(intent['action'])} upstream, for device {intent['device']}"
    note = f": {intent['note']}" if intent["note"] else ""
    if intent["settled_at"] is not None:
        yield intent["made_at"], f"promised: {what}"
        yield intent["settled_at"], f"{waits(intent['state'])}: {what}{note}"
    else:
        due = f" until {moment(intent['due'])}" if intent["state"] == "waiting" else ""
        yield intent["made_at"], f"promised: {what}; {waits(intent['state'])}{due}{note}"


def _session(session: str | None) -> str:
    return f" in session {session}" if session else ""
