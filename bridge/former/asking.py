"""Asking the former server no more than is needed: only messages that are not known by their ids are looked at."""

from collections.abc import Sequence
from typing import Protocol

from bridge.former.failures import FormerFailed
from bridge.former.formats import Format
from bridge.former.pairing import Known, Pairing, contradicted, pair
from bridge.former.records import UNIQUE_ID, FormerMessage, Progress

SPOTS = 20
"""Messages that are looked at although their ids tell which they are, spread evenly: a check that they do."""


class Asked(Protocol):
    """A session with the former server, as `FormerSession` is."""

    async def messages(self) -> list[FormerMessage]:
        """Give the messages with their ids."""

    async def look(self, messages: Sequence[FormerMessage], progress: Progress) -> list[FormerMessage]:
        """Give the same with their identities."""


async def ask(
    session: Asked, known: Known, formats: Sequence[Format], progress: Progress, *, asked_for: bool = False
) -> tuple[Pairing, list[FormerMessage]]:
    """Give the pairs, and the former server's messages as they were told.

    `formats` are tried on the ids. Where a look at some of the messages contradicts them they are given up, or with
    `asked_for` that is a failure. Raises `FormerFailed`.
    """
    messages = await session.messages()
    by_place = known.computed([message.uidl for message in messages], formats, asked_for=asked_for)
    explained = [message for message in messages if message.uidl in by_place]
    others = [message for message in messages if _worth_a_look(message, known) and message.uidl not in by_place]
    spots = explained[:: max(1, len(explained) // SPOTS)]
    looked_at = await session.look([*spots, *others], progress)
    if contradicted(by_place, looked_at):
        if asked_for:
            raise FormerFailed(f"the unique-ids are not of the format {formats[0].name}: they name other messages")
        seen = {message.number for message in looked_at}
        looked_at += await session.look([each for each in explained if each.number not in seen], progress)
        formats = ()
    by_number = {message.number: message for message in (*messages, *looked_at)}
    told = [by_number[number] for number in sorted(by_number)]
    return pair(told, known, formats, asked_for=asked_for), told


def _worth_a_look(message: FormerMessage, known: Known) -> bool:
    return message.uidl not in known.ids and UNIQUE_ID.fullmatch(message.uidl) is not None
