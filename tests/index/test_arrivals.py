"""From delivery to what a device sees: one round trip where messages only came."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.index import IndexedAccount
from bridge.model.names import AccountId
from bridge.model.settings import AccountSettings
from bridge.net import Stream
from bridge.sandbox import SandboxServer
from bridge.store import inline, open_store
from bridge.upstream import Account
from bridge.upstream.signin import connect_upstream
from tests.upstream.beds import INBOX, LETTER, SECONDS, serving

RTT = 0.1
OTHER = b"Message-ID: <other@example.org>\r\nSubject: another\r\n\r\nHello\r\n"


async def connect_far(settings: AccountSettings, timeout: float) -> Stream:
    """Connect over a line on which an answer takes a round trip from the last that was sent."""
    stream = await connect_upstream(settings, timeout)
    receive, send, sent = stream.receive_some, stream.send_all, trio.current_time()

    async def note_and_send(data: bytes | bytearray | memoryview) -> None:
        nonlocal sent
        sent = trio.current_time()
        await send(data)

    async def later(limit: int = 65_536) -> bytes:
        data = await receive(limit)
        with trio.CancelScope(shield=True):
            await trio.sleep_until(sent + RTT)
        return data

    stream.receive_some, stream.send_all = later, note_and_send  # type: ignore[method-assign]
    return stream


async def delays(tmp_path: Path, do: Callable[[SandboxServer], object], *before: bytes) -> tuple[float, int]:
    """Give how many round trips after `do` the index shows it, and how many messages it then has."""
    async with serving(SandboxServer()) as bed:
        for letter in before:
            bed.sandbox.deliver("anna", letter)
        account = Account(bed.settings(), timeout=SECONDS, connect=connect_far)
        async with open_store(tmp_path, runner=inline) as store, trio.open_nursery() as nursery:
            await store.register([AccountId("mail")], [])
            await nursery.start(account.run)
            index = IndexedAccount(bed.settings(), ["INBOX"], account, store)
            nursery.start_soon(index.run)
            await index.wait_fresh()
            await trio.sleep(10)
            published: list[float] = []
            index.background.wake = lambda: published.append(trio.current_time())  # type: ignore[method-assign]
            began = trio.current_time()
            do(bed.sandbox)
            await trio.sleep(10)
            took = (published[0] - began) / RTT
            messages = index.mailboxes[INBOX].messages
            nursery.cancel_scope.cancel()
        return took, messages


@pytest.mark.parametrize("before", [(), (LETTER,)])
async def test_what_comes_is_shown_one_round_trip_after_it_was_told(
    tmp_path: Path, autojump_clock: MockClock, before: tuple[bytes, ...]
) -> None:
    took, messages = await delays(tmp_path, lambda server: server.deliver("anna", OTHER), *before)
    assert messages == len(before) + 1
    assert took == pytest.approx(1)


async def test_several_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    def deliver(server: SandboxServer) -> None:
        for n in range(20):
            server.deliver("anna", b"Message-ID: <%d@example.org>\r\n\r\n" % n)

    took, messages = await delays(tmp_path, deliver, LETTER)
    assert messages > 1
    assert took == pytest.approx(1)


async def test_what_goes_is_looked_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    took, messages = await delays(tmp_path, lambda server: server.expunge("anna", "INBOX", 1), *[LETTER] * 30)
    assert messages == 29
    assert took == pytest.approx(1)


async def test_what_comes_and_goes_at_once_takes_one_round_trip(tmp_path: Path, autojump_clock: MockClock) -> None:
    def disturb(server: SandboxServer) -> None:
        server.expunge("anna", "INBOX", 1, 2, 3, 4, 5)
        for n in range(5):
            server.deliver("anna", b"Message-ID: <%d@example.org>\r\n\r\n" % n)

    took, messages = await delays(tmp_path, disturb, *[LETTER] * 60)
    assert messages == 60
    assert took == pytest.approx(1)
