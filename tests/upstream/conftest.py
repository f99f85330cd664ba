"""The three servers that every test of this folder is held against, and what belongs to them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from trio.testing import MockClock

from bridge.sandbox import SandboxServer
from bridge.upstream import Account
from tests.support.certificates import Certificate, make_certificate
from tests.support.dovecot import WITHOUT_MOVE, Dovecot, dovecot_missing
from tests.support.pymap_server import PymapServer
from tests.upstream.beds import Bed, Kind, running, serving
from tests.upstream.promises import sandbox

IN_THE_KERNEL = 0.005
"""Seconds of real time in which octets between sockets of one machine arrive, also when it is busy."""


@pytest.fixture
def autojump_clock() -> MockClock:
    """Give a clock that jumps once nothing is on its way any more: the servers here are behind real sockets."""
    return MockClock(autojump_threshold=IN_THE_KERNEL)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def pymap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PymapServer]:
    """Give one running pymap for the whole run: each test takes a user of its own by `fresh_user()`."""
    with PymapServer(tmp_path_factory.mktemp("pymap")) as server:
        yield server


@pytest.fixture(scope="session")
def pymap_with_tls(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[PymapServer]:
    """Give a pymap that offers STARTTLS."""
    with PymapServer(tmp_path_factory.mktemp("pymap-tls"), certificate=certificate) as server:
        yield server


@pytest.fixture(params=["sandbox", "pymap", "dovecot"])
def server(request: pytest.FixtureRequest) -> Dovecot | PymapServer | None:
    """Give the server of the other two; the sandbox is started by `bed`, in the test's own loop."""
    if request.param == "sandbox":
        return None
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Dovecot | PymapServer)
    return found


@pytest.fixture
async def bed(server: Dovecot | PymapServer | None) -> AsyncIterator[Bed]:
    """Give a user with an empty INBOX on each of the servers in turn."""
    if server is None:
        async with serving(SandboxServer()) as made:
            yield made
    else:
        kind: Kind = "dovecot" if isinstance(server, Dovecot) else "pymap"
        yield Bed(kind, server, server.fresh_user())


@pytest.fixture
async def account(bed: Bed) -> AsyncIterator[Account]:
    """Give the account of `bed`, running."""
    async with running(bed.settings()) as made:
        yield made


@pytest.fixture
async def alone() -> AsyncIterator[Bed]:
    """Give a sandbox, for what the other servers cannot be made to do."""
    async with serving(SandboxServer()) as made:
        yield made


@pytest.fixture
async def lone_account(alone: Bed) -> AsyncIterator[Account]:
    """Give the account of `alone`, running."""
    async with running(alone.settings()) as made:
        yield made


@pytest.fixture(scope="session")
def copying() -> Iterator[Dovecot]:
    """A Dovecot that offers no MOVE."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(extra=f"imap_capability = {WITHOUT_MOVE}") as server:
        yield server


@pytest.fixture(params=["sandbox", "dovecot"])
async def copier(request: pytest.FixtureRequest) -> AsyncIterator[Bed]:
    """A user on a server without MOVE, with Trash and Archive."""
    if request.param == "dovecot":
        server = request.getfixturevalue("copying")
        yield Bed("dovecot", server, server.fresh_user())
    else:
        async with sandbox("MOVE") as bed:
            yield bed
