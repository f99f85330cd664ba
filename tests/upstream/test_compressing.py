"""Compressed connections: when they are, and that all goes through them as through others."""

from collections.abc import AsyncIterator, Iterator

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamBroken
from bridge.model.peer import Peer
from bridge.model.settings import AccountSettings
from bridge.net import Stream
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Cut, Hang, Reset, Say
from bridge.telemetry import counters
from bridge.upstream import Account
from bridge.upstream.signin import connect_upstream
from tests.support.certificates import Certificate
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.support.messages import large_message
from tests.upstream.beds import INBOX, LETTER, SECONDS, Bed, Connects, listing, place_of, read, running, serving

COMPRESS = frozenset({"compress"})
BIG = b"Subject: long\r\n\r\n" + b"All work and no play makes a dull line.\r\n" * 100_000
PLUGINS = "mail_plugins = zlib\nprotocol imap {\n  mail_plugins = zlib imap_zlib\n}"


@pytest.fixture(scope="session")
def packing() -> Iterator[Dovecot]:
    """A Dovecot that compresses."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(extra=PLUGINS) as server:
        yield server


@pytest.fixture(params=["sandbox", "dovecot"])
async def packed(request: pytest.FixtureRequest) -> AsyncIterator[Bed]:
    """Give a user on each of the servers that compress."""
    if request.param == "dovecot":
        server = request.getfixturevalue("packing")
        yield Bed("dovecot", server, server.fresh_user())
    else:
        async with serving(SandboxServer()) as bed:
            yield bed


async def far(settings: AccountSettings, timeout: float) -> Stream:
    """Connect to what seems to be on a public address."""
    stream = await connect_upstream(settings, timeout)
    stream.address = Peer("203.0.113.9", 143)
    return stream


async def look(account: Account) -> int:
    """Count what is in INBOX."""
    async with account.watch() as watcher:
        return (await watcher.examine(INBOX)).exists


class TestEachServer:
    async def test_messages_come_as_they_are_in_fewer_octets(self, packed: Bed) -> None:
        noise = large_message(300_000)
        [text, odd] = await packed.deliver(BIG, noise)
        before = counters()["upstream_octets"]
        async with running(packed.settings(quirks=COMPRESS)) as account:
            assert await read(account, await packed.location(text), len(BIG)) == BIG
            assert counters()["upstream_octets"] - before < len(BIG) / 20
            assert await read(account, await packed.location(odd), len(noise)) == noise

    async def test_watching(self, packed: Bed) -> None:
        uids = await packed.deliver(*(b"Subject: %d\r\n\r\n\r\n" % n for n in range(50)))
        async with running(packed.settings(quirks=COMPRESS)) as account, account.watch() as watcher:
            assert (await watcher.examine(INBOX)).exists == 50
            assert [row.uid for batch in await listing(watcher) for row in batch] == uids
            with trio.fail_after(SECONDS):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(packed.deliver, LETTER)
                    assert await watcher.wait(SECONDS)
            assert (await watcher.examine(INBOX)).exists == 51

    async def test_a_long_name_goes_as_a_literal(self, packed: Bed) -> None:
        [uid] = await packed.deliver(LETTER)
        place = await packed.location(uid)
        async with running(packed.settings(quirks=COMPRESS)) as account:
            assert await account.find(place.key, 'quote " and ümlaut') == []
            assert await account.find(place.key, "letter@example.org") == [place]


class TestWhen:
    def asked(self, bed: Bed) -> int:
        return len(bed.sandbox.commands("COMPRESS"))

    async def test_not_on_a_private_address(self, alone: Bed) -> None:
        async with running(alone.settings()) as account:
            await look(account)
        assert self.asked(alone) == 0

    async def test_on_a_public_one(self, alone: Bed) -> None:
        async with running(alone.settings(), connect=far) as account:
            await look(account)
        assert self.asked(alone) == 1

    async def test_not_where_it_is_not_wanted(self, alone: Bed) -> None:
        async with running(alone.settings(quirks=frozenset({"no-compress"})), connect=far) as account:
            await look(account)
        assert self.asked(alone) == 0

    async def test_not_where_it_is_not_offered(self, alone: Bed) -> None:
        alone.sandbox.capabilities -= {"COMPRESS=DEFLATE"}
        async with running(alone.settings(quirks=COMPRESS), connect=far) as account:
            await look(account)
        assert self.asked(alone) == 0

    @pytest.mark.parametrize("kind", ["NO", "BAD"])
    async def test_a_server_that_refuses_is_not_asked_again(self, alone: Bed, kind: str) -> None:
        refusal = Answer("NO" if kind == "NO" else "BAD", "TLS does that", "COMPRESSIONACTIVE")
        alone.sandbox.script = Script([Rule("command", refusal, "COMPRESS")])
        uid = alone.sandbox.deliver("anna", LETTER)
        connects = Connects()
        async with running(alone.settings(quirks=COMPRESS), connect=connects) as account:
            assert await look(account) == 1
            alone.sandbox.drop_connections()
            assert await read(account, place_of(alone, uid)) == LETTER
        assert (connects.made, self.asked(alone)) == (2, 1)

    async def test_within_tls(self, certificate: Certificate) -> None:
        pair = (str(certificate.certificate), str(certificate.key))
        async with serving(SandboxServer(tls="starttls", certificate=pair)) as bed:
            uid = bed.sandbox.deliver("anna", BIG)
            settings = bed.settings(tls="starttls", ca_file=str(certificate.ca), quirks=COMPRESS)
            async with running(settings) as account:
                assert await read(account, place_of(bed, uid), len(BIG)) == BIG
            names = [moment.command for moment in bed.sandbox.commands()]
        assert names.index("STARTTLS") < names.index("AUTHENTICATE") < names.index("COMPRESS")

    async def test_it_takes_no_round_trip_of_its_own(self, alone: Bed) -> None:
        """It goes with ID, at once: what is behind its OK was said later."""
        async with running(alone.settings(quirks=COMPRESS)) as account:
            await look(account)
        sent = [moment.command for moment in alone.sandbox.commands()]
        assert sent[:4] == ["AUTHENTICATE", "ID", "ENABLE", "COMPRESS"]


async def test_leaving_says_so(autojump_clock: MockClock, alone: Bed) -> None:
    uid = alone.sandbox.deliver("anna", LETTER)
    async with running(alone.settings(quirks=COMPRESS)) as account:
        await read(account, place_of(alone, uid))
        await trio.sleep(70)
        assert account.health.connections == 0
    assert [moment.command for moment in alone.sandbox.commands()][-1] == "LOGOUT"


async def test_a_drop_in_the_middle_is_gone_on_from(alone: Bed) -> None:
    big = large_message(400_000)
    uid = alone.sandbox.deliver("anna", big)
    alone.sandbox.script = Script([Rule("literal", Cut(100_000, Reset()))])
    async with running(alone.settings(quirks=COMPRESS)) as account:
        assert await read(account, place_of(alone, uid), len(big)) == big


async def test_a_server_that_does_not_compress_what_it_said_it_would(alone: Bed) -> None:
    lie = (Say(b"{tag} OK but no\r\n* OK hello\r\n"), Hang())
    alone.sandbox.script = Script([Rule("command", lie, "COMPRESS", times=None)])
    async with running(alone.settings(quirks=COMPRESS)) as account:
        with pytest.raises(UpstreamBroken, match="account mail: The server sent something else than the compressed"):
            await look(account)


async def test_octets_that_grow_a_thousandfold_hold_nobody_up(alone: Bed) -> None:
    """Some 3 MB of chatter in 10 KB: others have their turns while it is read."""
    chatter = b"* OK still here, and still here\r\n" * 100_000
    alone.sandbox.script = Script([Rule("command", Say(chatter), "EXAMINE")])
    turns = 0
    async with running(alone.settings(quirks=COMPRESS)) as account, trio.open_nursery() as nursery:

        async def count() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with account.watch() as watcher:
            nursery.start_soon(count)
            assert (await watcher.examine(INBOX)).exists == 0
        assert turns > 40
        nursery.cancel_scope.cancel()
