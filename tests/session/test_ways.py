"""A session in which a device signs in without sending its password: what is offered, refused, and told."""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import NotListedYet
from bridge.model.secret import Secret
from bridge.model.settings import Way
from bridge.sasl import salted_password
from bridge.sasl.scram import client_proof
from tests.session.support import ENDED, Caller, FakeMaildrops, House, device

EVERY: tuple[Way, ...] = ("plain", "login", "scram-sha-256", "scram-sha-1", "cram-md5", "apop")
WRONG_LOGIN = "-ERR [AUTH] wrong login or password"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Give a house with one device, which may sign in by every way, and another that may by none but passwords."""
    async with trio.open_nursery() as nursery:
        yield House(nursery, FakeMaildrops(), replace(device(), auth=EVERY), device("den"))
        nursery.cancel_scope.cancel()


async def cram(caller: Caller, name: str = "fax", password: str = "secret") -> str:
    """Sign in by CRAM-MD5; gives the answer."""
    challenge = b64decode((await caller.ask("AUTH CRAM-MD5")).removeprefix("+ "))
    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    return await caller.ask(b64encode(f"{name} {digest}".encode()).decode())


async def scram(caller: Caller, password: str = "secret") -> str:
    """Go through SCRAM up to the proof; gives what comes then."""
    first = "n=fax,r=device"
    asked = b64decode((await caller.ask("AUTH SCRAM-SHA-256 " + _base64(f"n,,{first}"))).removeprefix("+ ")).decode()
    nonce, salt, rounds = re.fullmatch(r"r=(device[^,]+),s=([^,]+),i=(\d+)", asked).groups()  # type: ignore[union-attr]
    salted = salted_password("SHA-256", Secret(password), b64decode(salt), int(rounds))
    without = f"c=biws,r={nonce}"
    proof = client_proof("SHA-256", salted, f"{first},{asked},{without}".encode())
    return await caller.ask(_base64(f"{without},p={b64encode(proof).decode()}"))


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


async def test_where_no_password_may_be_sent_a_device_gets_in_all_the_same(
    autojump_clock: MockClock, house: House
) -> None:
    caller = house.call(plaintext_login="never", auth=("plain", "login", "cram-md5"))
    assert await caller.hear() == "+OK popbridge ready"
    assert await caller.lines("AUTH") == ["CRAM-MD5"]
    assert (await caller.ask("USER fax")).startswith("-ERR")
    assert await cram(caller) == "+OK maildrop has 3 messages (67 octets)"
    assert await caller.ask("QUIT") == "+OK goodbye"


async def test_scram_proves_both_sides(autojump_clock: MockClock, house: House) -> None:
    caller = house.call(auth=("scram-sha-256",))
    await caller.hear()
    assert b64decode((await scram(caller)).removeprefix("+ ")).startswith(b"v=")
    assert (await caller.ask("")).startswith("+OK maildrop")


async def test_a_device_that_does_not_believe_the_server_is_not_let_in(autojump_clock: MockClock, house: House) -> None:
    caller = house.call(auth=EVERY)
    await caller.hear()
    assert (await scram(caller)).startswith("+ ")
    assert await caller.ask("*") == "-ERR authentication cancelled"
    assert (await caller.ask("STAT")).startswith("-ERR")
    assert house.maildrops.opened == []


async def test_trouble_behind_a_proof_is_no_wrong_password(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.opening = NotListedYet("not listed yet")
    caller = house.call(auth=EVERY)
    await caller.hear()
    assert (await scram(caller)).startswith("+ ")
    assert (await caller.ask("")).startswith("-ERR [SYS/TEMP]")
    assert (await cram(caller)).startswith("-ERR [SYS/TEMP]")
    house.maildrops.opening = None
    assert (await cram(caller)).startswith("+OK")


@pytest.mark.parametrize(("name", "password"), [("fax", "wrong"), ("nobody", "secret"), ("den", "secret")])
async def test_three_wrong_proofs_close(autojump_clock: MockClock, house: House, name: str, password: str) -> None:
    caller = house.call(auth=EVERY)
    await caller.hear()
    assert [await cram(caller, name, password) for _ in range(3)] == [WRONG_LOGIN] * 3
    assert await caller.hear() == ENDED


async def test_a_wrong_scram_is_told_as_any_other(autojump_clock: MockClock, house: House) -> None:
    caller = house.call(auth=EVERY)
    await caller.hear()
    assert await scram(caller, "wrong") == WRONG_LOGIN
    assert (await scram(caller)).startswith("+ ")


async def test_no_challenge_comes_twice(autojump_clock: MockClock, house: House) -> None:
    told = set()
    for _ in range(3):
        caller = house.call(auth=EVERY)
        told.add((await caller.hear()).rpartition(" ")[2])
        for _ in range(3):
            told.add(b64decode((await caller.ask("AUTH CRAM-MD5")).removeprefix("+ ")).decode())
            await caller.ask("*")
    assert len(told) == 12
    assert all(re.fullmatch(r"<[0-9a-f]{32}\.\d+@popbridge>", each) for each in told)


async def test_a_digest_of_another_connection_is_wrong(autojump_clock: MockClock, house: House) -> None:
    first, second = house.call(auth=EVERY), house.call(auth=EVERY)
    challenge = b64decode((await first.hear()) and (await first.ask("AUTH CRAM-MD5")).removeprefix("+ "))
    answer = _base64("fax " + hmac.new(b"secret", challenge, "md5").hexdigest())
    await second.hear()
    await second.ask("AUTH CRAM-MD5")
    assert await second.ask(answer) == WRONG_LOGIN
    assert (await first.ask(answer)).startswith("+OK")
