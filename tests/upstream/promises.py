"""What tests of carrying out promise, and servers that lack something for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from bridge.identity import content_identity
from bridge.model.names import MailboxName
from bridge.model.update import Action, BringBack, Intent, MovedTo
from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from bridge.upstream import Outcome
from tests.upstream.beds import LETTER, Bed, key, running, serving

OTHER = b"Message-ID: <other@example.org>\r\nSubject: a letter\r\n\r\nHello\r\n "
NO_ID = b"Subject: without an id\r\nFrom: anna@example.org\r\n\r\nHello\r\n"
DATE = "01-Feb-2026 12:00:00 +0000"
AT = 1_769_947_200


@asynccontextmanager
async def sandbox(*lacks: str, extra: str = "") -> AsyncIterator[Bed]:
    """Run a sandbox that lacks some capabilities."""
    offers = (ALL_CAPABILITIES | set(extra.split())) - set(lacks)
    async with serving(SandboxServer(capabilities=offers)) as bed:
        bed.sandbox.users["anna"].create("Trash", "\\Trash")
        bed.sandbox.users["anna"].create("Archive", "\\Archive")
        yield bed


async def promise(bed: Bed, action: Action, text: bytes = LETTER, mailbox: str = "INBOX") -> Intent:
    """Deliver a message and promise something about it; its content identity is known."""
    await bed.deliver(text, mailbox=mailbox, date=DATE)
    intent = await bed.intent(action, max(await bed.contents(mailbox)), len(text), mailbox)
    return replace(intent, content=content_identity(text, AT))


class Noted:
    """Stands for the store: keeps where a copy was put, and can fail as a full disk does."""

    def __init__(self, *, fails: bool = False) -> None:
        self.moved: list[MovedTo] = []
        self._fails = fails

    async def __call__(self, moved: MovedTo) -> None:
        await trio.lowlevel.checkpoint()
        if self._fails:
            raise OSError("disk full")
        self.moved.append(moved)


async def texts(bed: Bed, mailbox: str) -> list[bytes]:
    """Give what is in a mailbox, for the owner to see."""
    return list((await bed.contents(mailbox)).values())


async def done(bed: Bed, intent: Intent, noted: Noted | None = None) -> Outcome:
    """Carry it out by an account of its own, as after a restart."""
    async with running(bed.settings()) as account:
        return await account.carry_out(intent, noted)


async def brought(bed: Bed, text: bytes = LETTER, mailbox: str = "Trash") -> BringBack:
    """Put a message where an intent would have moved it, and want it back in INBOX."""
    await bed.deliver(text, mailbox=mailbox, date=DATE)
    place = await bed.location(max(await bed.contents(mailbox)), mailbox)
    moved = MovedTo(MailboxName(mailbox), place.uidvalidity, place.uid)
    intent = await bed.intent("trash", 1, len(text))
    return BringBack(7, intent.seq, key(), moved, len(text), content_identity(text, AT))
