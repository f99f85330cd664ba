"""What the `device` commands say. What comes from outside goes through `printable` or a table."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from bridge.cli.administering import administer
from bridge.cli.tables import count, moment, size, table
from bridge.cli.words import action, rule, waits
from bridge.config.problems import printable

Facts = Mapping[str, Any]


def undone(found: Facts) -> Iterator[str]:
    """Say what an undo did, and what it could not."""
    device = _device(found)
    if not found["sessions"]:
        yield f"{device}: there is nothing to undo: no session of it deleted or hid a message"
        return
    which = "its last session" if found["sessions"] == 1 else f"its last {found['sessions']} sessions"
    done = any(found[key] for key in ("shown_again", "cancelled", "brought_back", "to_bring_back", "lost"))
    yield f"{device}: {'undid' if done else 'nothing is left to undo of'} what {which} deleted"
    if found["shown_again"]:
        yield f"  {count(found['shown_again'], 'message is', 'messages are')} shown to it again, from its next login on"
    if found["cancelled"]:
        yield f"  {count(found['cancelled'], 'action')} still to be done upstream will not be done"
    if found["brought_back"]:
        yield f"  {count(found['brought_back'], 'message was', 'messages were')} moved back upstream"
    if found["to_bring_back"]:
        yield f"  {_still(found)}"
    if found["lost"]:
        yield f"  {count(len(found['lost']), 'message')} cannot be brought back:"
        yield from (f"    {printable(one['uidl'])}: {_lost(one)}" for one in found["lost"])


def _still(found: Facts) -> str:
    messages = count(found["to_bring_back"], "message")
    if not found["running"]:
        return f"{messages} will be moved back upstream when popbridge runs: start it"
    return f"{messages} could not be moved back yet, and will be tried again: {printable(found['problem'])}"


def _lost(one: Facts) -> str:
    said = f" ({printable(one['note'])})" if one["note"] else ""
    match one["action"]:
        case "expunge":
            return f"it was expunged upstream, for good{said}"
        case "move":
            return printable(one["note"]) or "it is not any more where it had been put"
        case action:
            return f"{printable(action)} was done, and popbridge does not know where the message went{said}"


def reset_done(found: Facts) -> Iterator[str]:
    """Say what a reset did."""
    yield f"{_device(found)}: {count(found['shown_again'], 'message')} will be shown to it again, numbered anew"
    if doubtful := found.get("up_to_rules"):
        messages = count(doubtful, "message more is", "messages more are")
        yield f"  {messages} up to its `search` and `window`, which had hidden them"
    if found["hidden"]:
        yield f"  {count(found['hidden'], 'older message is', 'older messages are')} hidden from it"
    if found["cancelled"]:
        yield f"  {count(found['cancelled'], 'action')} still to be done upstream will not be done"


def forgotten(found: Facts) -> Iterator[str]:
    """Say what was forgotten."""
    device = _device(found)
    if not any(found[key] for key in ("announced", "hidden", "votes", "promised")):
        yield f"{device}: there was nothing to forget"
    else:
        yield f"{device}: forgot {count(found['announced'], 'message')} it was shown, {found['hidden']} hidden from it"
    if found["votes"]:
        yield f"  {count(found['votes'], 'deletion')} that waited for others or for its owner will not be done"
    if found["promised"]:
        yield f"  {count(found['promised'], 'action')} promised to it will still be done upstream"
    if found["released"]:
        yield f"  {count(found['released'], 'deletion')} that only it held back will be done upstream"
    if found.get("passed"):
        yield "  its password still passes through: its next login makes it anew"
    elif found["configured"]:
        yield "  it is still in the configuration: its next login is taken for its first"


def to_confirm(name: str) -> None:
    """On a terminal, tell how many deletions are held, and ask."""
    if not sys.stdin.isatty():
        return
    held = administer("device_show", device=name)["intents"].get("held", 0)
    if held:
        deletions = count(held, "held deletion", "held deletions")
        click.confirm(f"{deletions} of device {name} will be carried out upstream. Go on?", abort=True, err=True)


def confirmed_now(found: Facts) -> Iterator[str]:
    """Say what was confirmed."""
    device = _device(found)
    if not found["confirmed"]:
        yield f"{device}: no deletion of it is held back"
        return
    deletions = count(found["confirmed"], "held deletion will", "held deletions will")
    yield f"{device}: {deletions} be carried out upstream, from {moment(found['due'])} on"
    yield f"  until then `popbridge device undo {printable(found['device'])}` calls them off"
    if found["voting"]:
        deletions = count(found["voting"], "deletion of it waits", "deletions of it wait")
        yield f"  {deletions} for other devices first (`delete_when`)"


def _device(found: Facts) -> str:
    return f"device {printable(found['device'])}"


def shown(found: Facts) -> Iterator[str]:
    """Say what is known of a device: a few sentences, then tables, each below an empty line."""
    yield from _about(found)
    yield f"  {_numbers(found)}"
    first_shown = [(f"{one['account']}/{one['mailbox']}", moment(one["first_shown"])) for one in found["shown"]]
    for lines in (
        table(("mailbox", "first shown"), first_shown),
        table(("unique-id", "to be done upstream", "state", "due", "tries", "note"), map(_pending, found["pending"])),
        table(("session that hid messages", "ended", "hidden", "undone"), map(_hid, found["hid"])),
        table(("session", "ended", "from", "retr", "top", "dele", "size", "end"), map(_session, found["sessions"])),
    ):
        yield from ("", *lines) if lines else ()
    if found["hid"]:
        yield f"`popbridge device undo {printable(found['device'])} --sessions N` undoes the first N that hid messages"


def _about(found: Facts) -> Iterator[str]:
    named = "" if found["id"] == found["device"] else f" (remembered as {printable(found['id'])})"
    yield f"{_device(found)}{named}"
    if found["configured"]:
        yield f"  login {printable(found['login'])}, reads {printable(', '.join(found['sources']))}"
    else:
        yield "  it is not in the configuration any more"
    if found["last_login"] is None:
        yield "  it has never logged in"
    else:
        now = ", and is in a session now" if found["in_session"] else ""
        yield f"  first login {moment(found['first_login'])}, last login {moment(found['last_login'])}{now}"


def _numbers(found: Facts) -> str:
    """`announced` are the messages it is shown now; `next_position` how many it ever was."""
    hidden = sum(found["hidden"].values())
    by_rule = ", ".join(f"{number} {rule(name)}" for name, number in found["hidden"].items())
    parts = [
        f"shown {count(found['announced'], 'message')} of {found['next_position']} that it ever was",
        f"{found['sent']} sent, {found['acknowledged']} acknowledged",
        f"{hidden} hidden ({by_rule})" if hidden else "none hidden",
    ]
    parts += [f"{count(found['duplicates'], 'copy', 'copies')} left out"] if found["duplicates"] else []
    parts += [f"{found['aliases']} under another unique-id"] if found["aliases"] else []
    return printable("; ".join(parts))


def _pending(one: Facts) -> tuple[object, ...]:
    due = moment(one["due"]) if one["state"] == "waiting" else None
    return one["uidl"], action(one["action"]), waits(one["state"]), due, one["tries"], one["note"]


def _hid(one: Facts) -> tuple[object, ...]:
    return one["session"], moment(one["at"]), one["hidden"], one["undone"]


def _session(one: Facts) -> tuple[object, ...]:
    numbers = (one["retr"], one["top"], one["dele"], size(one["octets"]))
    return one["session"], moment(one["ended"]), one["peer"], *numbers, one["reason"]
