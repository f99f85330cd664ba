"""What `device import-uidls` says. What comes from outside goes through `printable`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.cli.tables import count
from bridge.config.problems import printable
from bridge.former.pairing import BY_IDENTITY, Pairing

Facts = dict[str, Any]

SHOWN = 10
"""Unique-ids of a kind that are written out for people; JSON has all."""


def facts(pairing: Pairing, former: int, of_device: Facts, saved: Facts, *, dry_run: bool) -> Facts:
    """Give what `--json` prints. `saved` is what writing the pairs told, empty when nothing was written."""
    return {
        **of_device,
        "dry_run": dry_run,
        "former_ids": former,
        "taken_over": saved.get("saved", len(pairing.pairs) if dry_run else 0),
        "there_before": pairing.same,
        "found_by": dict(pairing.ways),
        "unpaired": list(pairing.unpaired),
        "repeated": list(pairing.repeated),
        "forbidden": list(pairing.forbidden),
        "fetched_here": list(pairing.late),
        "taken": saved.get("taken", []),
        "without_former_id": len(pairing.new),
        "not_looked_at": sum(not each.content for each in pairing.new),
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what was taken over, what was not, and what to do about it."""
    verb = "would be" if found["dry_run"] else "were" if found["taken_over"] != 1 else "was"
    ids = count(found["taken_over"], "unique-id")
    yield f"{printable(found['device'])}: {ids} of {found['former_ids']} {verb} taken over from the former server"
    for way, number in found["found_by"].items():
        yield f"  {number} by {'what the messages are' if way == BY_IDENTITY else f'the format {printable(way)}'}"
    if found["there_before"]:
        yield f"  {found['there_before']} its messages have already"
    if remembered := found.get("remembered"):
        yield f"  of {count(remembered['ids'], 'unique-id')} in the file the former server has {remembered['there']}"
    yield from _left_out(found)
    yield from _advice(found)


def _left_out(found: Mapping[str, Any]) -> Iterator[str]:
    yield from _ids(found["unpaired"], "that no message the device is shown has")
    yield from _ids(found["repeated"], "that the former server gave to several messages: one of them has it")
    yield from _ids(found["forbidden"], "that POP3 does not allow (1 to 70 printable characters, RFC 1939 §7)")
    yield from _ids(found["fetched_here"], "of messages that the device has fetched from popbridge already")
    yield from _ids(found["taken"], "that other messages have here")
    if found["without_former_id"]:
        yield f"  {count(found['without_former_id'], 'message has', 'messages have')} no former unique-id: new to it"


def _ids(uidls: Sequence[str], what: str) -> Iterator[str]:
    if uidls:
        yield f"  {count(len(uidls), 'unique-id')} {what}:"
        yield from (f"    {printable(uidl)}" for uidl in uidls[:SHOWN])
        if len(uidls) > SHOWN:
            yield f"    and {len(uidls) - SHOWN} more: see --json"


def _advice(found: Mapping[str, Any]) -> Iterator[str]:
    for source in found["sources"]:
        if not source["listed"]:
            yield f"popbridge has not listed {printable(source['source'])} yet: let it run, then import again."
    if found["not_looked_at"]:
        messages = count(found["not_looked_at"], "message")
        yield f"popbridge has not looked yet at what {messages} are: let it run for a while, then import again."
    elif found["unpaired"] and all(source["listed"] for source in found["sources"]):
        yield (
            "Unique-ids without a message do no harm: most are of mail that was deleted, moved to a mailbox that is no "
            "source of the device, or changed on its way. If they are many, see docs/moving-in.md."
        )
