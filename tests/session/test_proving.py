"""Devices that prove their password: who is let in, what strangers are told, and how long a no takes."""

import hashlib
import hmac
from base64 import b64decode
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash, ScramVerifier, Way
from bridge.sasl import (
    DigestProof,
    ScramHash,
    ScramKeys,
    ScramProof,
    ScramServer,
    salted_password,
    scram_keys,
)
from bridge.sasl.scram import client_proof, server_signature
from bridge.session import ConfiguredDoorkeeper
from bridge.session.proving import HASHES, OURS, derive_here
from tests.session.support import device, quick

PEER = Peer("192.0.2.1", 4000)
EVERY: tuple[Way, ...] = ("plain", "login", "scram-sha-256", "scram-sha-1", "cram-md5", "apop")
SECRET, WRONG = Secret("secret"), Secret("guess")
DERIVE_SECONDS = 0.005


class Deriving:
    """Stands for the making of keys in a thread, and takes as long as its rounds say."""

    def __init__(self) -> None:
        self.made: list[int] = []

    async def __call__(self, hash_: ScramHash, password: Secret, salt: bytes, rounds: int) -> ScramKeys:
        self.made.append(rounds)
        await trio.sleep(DERIVE_SECONDS * rounds / OURS[1])
        return await derive_here(hash_, password, salt, 1)


def known(name: str = "fax", auth: tuple[Way, ...] = EVERY, networks: tuple[str, ...] = ()) -> DeviceSettings:
    """Give a device of which the password itself is known."""
    return replace(device(name, networks=networks), auth=auth)


def verifier(hash_: ScramHash = "SHA-256", rounds: int = 4096, salt: bytes = b"saltsalt") -> ScramVerifier:
    keys = scram_keys(hash_, salted_password(hash_, SECRET, salt, rounds))
    return ScramVerifier(hash_, rounds, salt, keys.stored, keys.server)


def hashed(name: str = "fax", rounds: int = 4096) -> DeviceSettings:
    """Give a device of which only a hash and a verifier are kept."""
    kept = verifier(rounds=rounds)
    return replace(device(name), password=PasswordHash(2, 8, 1, b"salt", b"secret"), scram=(kept,), auth=EVERY)


def scram(
    keeper: ConfiguredDoorkeeper, login: str, password: Secret, hash_: ScramHash = "SHA-256", rounds: int | None = None
) -> tuple[ScramProof, bytes]:
    """Do what a device does; gives its proof, and the signature that it expects in return."""
    server = ScramServer(hash_)
    server.respond(f"n,,n={login},r=device".encode())
    salt, told = keeper.salt(login, hash_)
    asked = server.salted(salt, told, "server").octets
    fields = dict(part.split(b"=", 1) for part in asked.split(b","))
    salted = salted_password(hash_, password, b64decode(fields[b"s"]), rounds or int(fields[b"i"]))
    without = b"c=biws,r=" + fields[b"r"]
    said = b",".join((f"n={login},r=device".encode(), asked, without))
    proof = ScramProof(login, hash_, said, client_proof(hash_, salted, said))
    return proof, server_signature(hash_, scram_keys(hash_, salted), said)


def digest(login: str, way: Way, password: Secret) -> DigestProof:
    challenge, octets = b"<1.2@popbridge>", password.reveal().encode()
    assert way in ("cram-md5", "apop")
    if way == "cram-md5":
        return DigestProof(login, "cram-md5", challenge, hmac.new(octets, challenge, "md5").hexdigest())
    return DigestProof(login, "apop", challenge, hashlib.md5(challenge + octets).hexdigest())


async def seconds(keeper: ConfiguredDoorkeeper, proof: ScramProof | DigestProof, host: str) -> float:
    began = trio.current_time()
    assert await keeper.prove(proof, Peer(host, 4000)) is None
    return trio.current_time() - began


@pytest.mark.parametrize("hash_", HASHES)
async def test_a_device_with_a_password_proves_it(autojump_clock: MockClock, hash_: ScramHash) -> None:
    keeper = ConfiguredDoorkeeper([known()], quick)
    for _ in range(2):
        proof, expected = scram(keeper, "fax", SECRET, hash_)
        admitted = await keeper.prove(proof, PEER)
        assert admitted is not None
        assert (admitted.device.name, admitted.signature) == ("fax", expected)
    proof, _ = scram(keeper, "fax", WRONG, hash_)
    assert await keeper.prove(proof, PEER) is None


async def test_a_verifier_will_do_for_scram_and_for_a_password(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed()], quick)
    proof, expected = scram(keeper, "fax", SECRET)
    admitted = await keeper.prove(proof, PEER)
    assert admitted is not None
    assert admitted.signature == expected
    assert await keeper.admit("fax", SECRET, PEER) is not None
    assert await keeper.prove(scram(keeper, "fax", SECRET, "SHA-1")[0], PEER) is None  # there is none for that


@pytest.mark.parametrize("way", ["cram-md5", "apop"])
async def test_digests(autojump_clock: MockClock, way: Way) -> None:
    keeper = ConfiguredDoorkeeper([known("fax"), hashed("den")], quick)
    admitted = await keeper.prove(digest("fax", way, SECRET), PEER)
    assert admitted is not None
    assert (admitted.device.name, admitted.signature) == ("fax", b"")
    assert await keeper.prove(digest("fax", way, WRONG), PEER) is None
    assert await keeper.prove(digest("den", way, SECRET), PEER) is None  # only a hash is known
    assert await keeper.prove(digest("nobody", way, SECRET), PEER) is None


@pytest.mark.parametrize("login", ["fax", "abroad"])
async def test_a_device_gets_in_only_from_where_and_how_it_may(autojump_clock: MockClock, login: str) -> None:
    devices = [known("fax", auth=("plain",)), known("abroad", networks=("198.51.100.0/24",))]
    keeper = ConfiguredDoorkeeper(devices, quick)
    assert await keeper.prove(scram(keeper, login, SECRET)[0], PEER) is None
    assert await keeper.prove(digest(login, "cram-md5", SECRET), PEER) is None


async def test_who_may_not_send_a_password_is_like_a_stranger(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([known("fax", auth=("scram-sha-256",)), known("den", auth=("login",))], quick)
    assert await keeper.admit("fax", SECRET, PEER) is None
    assert await keeper.admit("den", SECRET, PEER) is not None


async def test_a_no_takes_the_same_whoever_it_is_for(autojump_clock: MockClock) -> None:
    """A known password, a verifier, a stranger, one from elsewhere: keys are made once before a no."""
    devices = [known("fax"), known("den"), known("abroad", networks=("198.51.100.0/24",)), hashed("till", OURS[1])]
    deriving = Deriving()
    keeper = ConfiguredDoorkeeper(devices, quick, deriving)
    right, _ = scram(keeper, "den", SECRET, rounds=1)  # `Deriving` makes keys of one round
    assert await keeper.prove(right, PEER) is not None
    took = {
        name: await seconds(keeper, scram(keeper, name, WRONG)[0], f"192.0.2.{10 + number}")
        for number, name in enumerate(("fax", "den", "abroad", "till", "nobody", "someone"))
    }
    assert took == dict.fromkeys(took, pytest.approx(0.25 + DERIVE_SECONDS))
    made = len(deriving.made)
    right, _ = scram(keeper, "den", SECRET, rounds=1)
    assert await keeper.prove(right, PEER) is not None
    assert len(deriving.made) == made  # before a yes they are made once


async def test_wrong_proofs_wait_longer_each_time(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([known()], quick)
    waits = [await seconds(keeper, digest("fax", "apop", WRONG), "192.0.2.1") for _ in range(4)]
    assert waits == pytest.approx([0.25, 0.5, 1.0, 2.0])


def test_strangers_are_told_what_devices_are() -> None:
    """Salt and rounds of a login that does not exist stay the same, also after a restart, and look like another's."""
    devices = [known("fax"), hashed("den", 4096), hashed("till", 6000)]
    keeper, again = (ConfiguredDoorkeeper(devices, quick) for _ in range(2))
    names = [f"nobody{number}" for number in range(100)]
    told = [keeper.salt(name, "SHA-256") for name in names]
    assert told == [again.salt(name, "SHA-256") for name in names]
    assert {rounds for _, rounds in told} == {4096, 6000, OURS[1]}
    assert {len(salt) for salt, _ in told} == {8, 16}
    assert len({salt for salt, _ in told}) == 100
    # Nobody has a verifier for the other hash: all are as the one device whose password is known.
    assert {rounds for _, rounds in (keeper.salt(name, "SHA-1") for name in ("fax", "den", *names))} == {OURS[1]}


def test_what_strangers_are_told_follows_from_the_key_where_there_is_one() -> None:
    before = ConfiguredDoorkeeper([known("fax")], quick, seed=b"key")
    after = ConfiguredDoorkeeper([known("fax"), known("den")], quick, seed=b"key")
    assert before.salt("nobody", "SHA-1") == after.salt("nobody", "SHA-1")
    other = ConfiguredDoorkeeper([known("fax")], quick, seed=b"other")
    assert other.salt("nobody", "SHA-1") != after.salt("nobody", "SHA-1")
    assert before.salt("fax", "SHA-1") != before.salt("fax", "SHA-256")


async def test_a_password_that_scram_cannot_carry_is_like_a_wrong_one(autojump_clock: MockClock) -> None:
    odd = replace(known(), password=Secret("se\x01cret"))
    keeper = ConfiguredDoorkeeper([odd], quick)
    assert await keeper.prove(scram(keeper, "fax", WRONG)[0], PEER) is None
    assert await keeper.admit("fax", Secret("se\x01cret"), PEER) is not None
