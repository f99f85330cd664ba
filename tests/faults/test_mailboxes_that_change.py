"""A mailbox whose numbers come to mean something else, and sizes that lie: a text is its own, or it does not come."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import ALL_CAPABILITIES, Rule, SandboxServer, Script
from bridge.sandbox.faults import Alter, Close, Cut, Do, Hang, Reset
from tests.faults import house as houses
from tests.faults.house import HEALED, REFRESH_WAIT, TIMEOUT, Device, House, house, inbox, letters, within
from tests.faults.outcome import Outcome
from tests.faults.test_reading import FORGOTTEN
from tests.support.messages import large_message

HUGE = large_message(2_300_000)
"""It takes several ranges."""

WITHOUT_IDS = {"OBJECTID"}

OUTCOME = Outcome(
    hears="the right text, `-ERR`, or a cut connection",
    within=f"RETR {2 * TIMEOUT:g} s, {3 * TIMEOUT:g} s where the server stalls",
    left="every message but what was deleted; every unique-id stays",
)


def server(without: set[str]) -> SandboxServer:
    upstream = inbox()
    upstream.capabilities = set(ALL_CAPABILITIES - without)
    # Numbers begin at 3, so that after a new count each is another message's.
    for _ in range(2):
        upstream.expunge("anna", "INBOX", upstream.deliver("anna", b"Subject: gone\r\n\r\n"))
    return upstream


async def right_or_not_at_all(device: Device, number: int, text: bytes) -> bool:
    """See that a message comes as it is, or an error, or the connection is cut; tells whether it came."""
    with within(2 * TIMEOUT):
        found = await device.retr(number)
    assert found == text or str(found).startswith("-ERR"), found
    return found == text


def everywhere(at: House) -> list[bytes]:
    """Give what is upstream."""
    return sorted(message.octets for name in ("INBOX", "Trash") for message in at.upstream.mailbox("anna", name))


@pytest.mark.parametrize("without", [set[str](), WITHOUT_IDS], ids=["with EMAILID", "without"])
@pytest.mark.parametrize("told", [True, False], ids=["by a new connection", "silently"])
async def test_numbered_anew_in_a_session(
    tmp_path: Path, autojump_clock: MockClock, without: set[str], told: bool
) -> None:
    """What was deleted in that session is removed, and nothing else; every unique-id stays."""
    async with house(tmp_path, server(without), on_delete="trash") as at:
        known = await at.listed()
        await trio.sleep(FORGOTTEN)
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            at.upstream.renumber("anna")
            if told:
                at.upstream.drop_connections()
            for number, text in enumerate(at.texts, 1):
                await right_or_not_at_all(device, number, text)
            await device.ok("DELE 2")
            assert (await device.say("QUIT")).startswith("+OK")
        await trio.sleep(2 * HEALED)
        assert await at.listed() == [known[0], *known[2:]]
        assert [message.octets for message in at.upstream.mailbox("anna", "Trash")] == [at.texts[1]]
        assert everywhere(at) == sorted(at.texts)
        async with at.session() as device:
            for number, text in enumerate([at.texts[0], *at.texts[2:]], 1):
                assert await device.retr(number) == text


async def test_uids_given_to_others_under_one_uidvalidity(tmp_path: Path, autojump_clock: MockClock) -> None:
    """As after a restored backup: nobody is given another's text, and nobody's deletion takes another's message."""
    async with house(tmp_path, on_delete="trash", undo_window=60) as at:
        await trio.sleep(FORGOTTEN)
        async with at.session() as device:
            await device.ok("DELE 2")
        box = at.upstream.mailbox("anna")
        first, second = box[1], box[2]
        first.octets, second.octets = second.octets, first.octets
        first.emailid, second.emailid = second.emailid, first.emailid
        at.upstream.drop_connections()
        await trio.sleep(2 * HEALED)
        assert [message.octets for message in at.upstream.mailbox("anna", "Trash")] in ([], [at.texts[1]])
        assert everywhere(at) == sorted(at.texts)
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            names = await device.unique_ids()
            assert len(names) == len(set(names))
            for number in range(1, len(names) + 1):
                found = await device.retr(number)
                assert found in at.texts or str(found).startswith("-ERR"), found


@pytest.mark.parametrize("then", [None, Close(), Reset(), Hang()], ids=["goes on", "closes", "resets", "hangs"])
@pytest.mark.parametrize("after", [0, 100_000], ids=["before it", "in it"])
async def test_a_message_that_vanishes_while_it_is_fetched(
    tmp_path: Path, autojump_clock: MockClock, then: Close | Reset | Hang | None, after: int
) -> None:
    """It comes whole, or not to its end; then it is gone, and all others stay."""
    async with house(tmp_path, texts=[*letters()[:-1], HUGE]) as at:
        known = await at.listed()
        gone = len(at.texts)
        vanish = Do(lambda: at.upstream.expunge("anna", "INBOX", gone) if gone in at.upstream.mailbox("anna") else None)
        faults = (vanish,) if then is None else (vanish, Cut(after, then))
        at.strike(Rule("literal", faults, "UID FETCH", "BODY.PEEK[]"))
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            try:
                with within(3 * TIMEOUT):
                    await right_or_not_at_all(device, gone, HUGE)
            except houses.Cut:
                pass
        assert at.script.rules[0].struck
        await trio.sleep(HEALED)
        assert await at.listed() == known[:-1]
        async with at.session() as device:
            for number, text in enumerate(at.texts[:-1], 1):
                assert await device.retr(number) == text


SIZES: Mapping[str, Callable[[int], int]] = {
    "0": lambda size: 0,
    "half": lambda size: size // 2,
    "twice": lambda size: 2 * size,
    "2**31": lambda size: 2**31,
    "2**63 - 1": lambda size: 2**63 - 1,
}


@pytest.mark.parametrize("size", SIZES)
async def test_a_size_that_lies(tmp_path: Path, autojump_clock: MockClock, size: str) -> None:
    """From the first listing on: each message comes whole, in time; once measured, its true size is listed."""
    upstream = inbox()
    texts = [*letters(), HUGE]
    for text in texts:
        uid = upstream.deliver("anna", text)
        upstream.mailbox("anna").announce_size(uid, SIZES[size](len(text)))
    async with house(tmp_path, upstream, listed=False) as at:
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            for number, text in enumerate(texts, 1):
                try:
                    await right_or_not_at_all(device, number, text)
                except houses.Cut:
                    break  # of what was listed before it was measured, nothing was said that is no longer so
        await at.quiet()
        async with at.session() as device:
            assert await device.ok("STAT") == f"+OK {len(texts)} {sum(map(len, texts))}"
            for number, text in enumerate(texts, 1):
                with within(TIMEOUT):
                    assert await device.retr(number) == text
        assert everywhere(at) == sorted(texts)


UIDVALIDITIES = {
    "missing": Alter(lambda octets: re.sub(rb"\* OK \[UIDVALIDITY [^\n]*\n", b"", octets)),
    "0": Alter(lambda octets: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0", octets)),
    "2**32": Alter(lambda octets: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 4294967296", octets)),
    "of 40 digits": Alter(lambda octets: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY " + 40 * b"9", octets)),
}


@pytest.mark.parametrize("name", UIDVALIDITIES)
async def test_a_uidvalidity_that_is_none_before_the_first_listing(
    tmp_path: Path, autojump_clock: MockClock, name: str
) -> None:
    """No unique-id is given that would not last: the device is told to come again."""
    upstream = inbox()
    for text in letters():
        upstream.deliver("anna", text)
    upstream.script = Script([Rule("command", UIDVALIDITIES[name], "EXAMINE", times=None)])
    async with house(tmp_path, upstream, listed=False) as at:
        for _ in range(2):
            async with at.connected() as device:
                with within(3 * REFRESH_WAIT):
                    assert (await device.login()).startswith("-ERR [SYS/TEMP] ")
            await trio.sleep(60)
        assert "UIDVALIDITY" in (await at.ask("status"))["accounts"][0]["note"]
        at.heal()
        await trio.sleep(HEALED)
        async with at.session() as device:
            assert [await device.retr(number + 1) for number in range(len(at.texts))] == at.texts
