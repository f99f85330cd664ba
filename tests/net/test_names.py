"""Names: a look-up that hangs keeps nobody else waiting, however many there are."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bridge.net.names import AT_ONCE, HANGS_AFTER, SLOW_AT_ONCE, THREADS, Resolver, use_own_resolver

IN_A_THREAD = 0.02
"""Seconds of real time in which a thread that does nothing is at its end."""


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=IN_A_THREAD)


class Names:
    """What the system does: names that begin with `dead` hang until `let_go`, others are known unless they end in `no`.

    `asked` has each name once for each time that it was asked for.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def look_up(self, host: str | bytes, *rest: object) -> Any:
        host = host if isinstance(host, str) else host.decode()
        self.asked.append(host)
        if host.startswith("dead"):
            self.let_go.wait(60)
        if host.endswith("no"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [host]


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.let_go.set()


async def find(resolver: Resolver, host: str, seconds: float = 20) -> str:
    """Look a name up as a dial does."""
    try:
        with trio.fail_after(seconds):
            [found] = await resolver.getaddrinfo(host, 993)
    except trio.TooSlowError:
        return "too slow"
    except OSError:
        return "unknown"
    return str(found)


async def test_one_thread_for_a_name_however_often_it_is_wanted(autojump_clock: MockClock, names: Names) -> None:
    resolver = Resolver(names.look_up)
    for _ in range(3):  # those that gave up leave a thread behind, and the next ones wait for that one
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(find, resolver, "dead.example.org")
    assert names.asked == ["dead.example.org"]
    names.let_go.set()
    assert await find(resolver, "dead.example.org") == "dead.example.org"


async def test_what_is_found_and_what_is_not_is_told_to_all(autojump_clock: MockClock, names: Names) -> None:
    resolver, told = Resolver(names.look_up), []

    async def ask(host: str) -> None:
        told.append(await find(resolver, host))

    async with trio.open_nursery() as nursery:
        for host in ("a.example.org", "a.example.org", "a.no", "a.no"):
            nursery.start_soon(ask, host)
    assert sorted(told) == ["a.example.org", "a.example.org", "unknown", "unknown"]
    assert sorted(names.asked) == ["a.example.org", "a.no"]


async def test_others_go_on_where_many_hang(autojump_clock: MockClock, names: Names) -> None:
    resolver = Resolver(names.look_up)
    async with trio.open_nursery() as nursery:
        for number in range(THREADS - AT_ONCE):
            nursery.start_soon(find, resolver, f"dead{number}.example.org")
        await trio.sleep(HANGS_AFTER / 2)
        assert len(names.asked) == AT_ONCE
        began = trio.current_time()
        assert await find(resolver, "imap.example.org", 19) == "imap.example.org"
        assert trio.current_time() - began <= HANGS_AFTER * (THREADS / AT_ONCE - 1)
        nursery.cancel_scope.cancel()


async def test_threads_have_an_end(autojump_clock: MockClock, names: Names) -> None:
    resolver = Resolver(names.look_up)
    async with trio.open_nursery() as nursery:
        for number in range(500):
            nursery.start_soon(find, resolver, f"dead{number}.example.org")
    assert len(names.asked) == THREADS


async def test_what_hung_before_comes_last(autojump_clock: MockClock, names: Names) -> None:
    resolver, dead = Resolver(names.look_up), [f"dead{number}.example.org" for number in range(AT_ONCE)]
    async with trio.open_nursery() as nursery:
        for host in dead:
            nursery.start_soon(find, resolver, host)
    names.let_go.set()
    for host in dead:
        assert await find(resolver, host) == host
    names.let_go.clear()
    resolver._slow.update((host, 993, 0, 0, 0, 0) for host in dead)
    names.asked.clear()
    async with trio.open_nursery() as nursery:
        for host in dead:
            nursery.start_soon(find, resolver, host)
        await trio.sleep(HANGS_AFTER / 2)
        assert len(names.asked) == SLOW_AT_ONCE
        assert await find(resolver, "imap.example.org", 1) == "imap.example.org"
        nursery.cancel_scope.cancel()


async def test_somebody_elses_resolver_is_left_alone(names: Names) -> None:
    theirs = Resolver(names.look_up)
    trio.socket.set_custom_hostname_resolver(theirs)
    use_own_resolver()
    found: list[object] = [*await trio.socket.getaddrinfo("a.example.org", 993)]
    assert found == ["a.example.org"]
    assert trio.socket.set_custom_hostname_resolver(None) is theirs


async def test_without_a_thread_a_name_is_unknown_until_there_is_one(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(names.look_up)
    with monkeypatch.context() as full:
        full.setattr(trio.lowlevel, "start_thread_soon", no_thread)
        assert await find(resolver, "mail.example.org") == "unknown"
    assert await find(resolver, "mail.example.org") == "mail.example.org"


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")
