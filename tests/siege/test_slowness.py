"""Attackers who are slow, against a bridge with short times; and one whose house is small."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.siege.besieged import PASSWORD, QUICK, Besieged, besieged
from tests.support.certificates import Certificate
from tests.support.device import Device
from tests.support.ports import until, wait_until

LOGIN_SECONDS = 2
"""What the bridge allows between connecting and login."""


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[Besieged]:
    """Give a bridge that waits two seconds for a login."""
    with besieged(tmp_path_factory.mktemp("hurried"), certificate, server={"login_timeout": LOGIN_SECONDS}) as place:
        yield place


DRIPS = {
    "a login": ("none", b"USER " + b"o" * 200),
    "commands": ("none", b"CAPA\r\n" * 40),
    "a hello": ("implicit", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200),
    "nothing in TLS": ("implicit", b""),
    "a hello behind STLS": ("starttls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200),
}


def test_no_drip_outlasts_the_login_timeout(hurried: Besieged) -> None:
    before = hurried.descriptors()
    with hurried.polling(), ExitStack() as all_of_them:
        began = time.monotonic()
        dripping = [
            (what, all_of_them.enter_context(hurried.attacker(f"127.30.{network}.{number}", tls)), octets)
            for network, (what, (tls, octets)) in enumerate(DRIPS.items())
            for number in range(1, 11)
        ]
        for what, attacker, _ in dripping:
            if what == "a hello behind STLS":
                attacker.send(b"STLS\r\n")
        for at, _ in enumerate(until(LOGIN_SECONDS + 1, 0.05)):
            for _, attacker, octets in dripping:
                attacker.send(octets[at : at + 1])
        for _, attacker, _ in dripping:
            attacker.rest()
        assert time.monotonic() - began < LOGIN_SECONDS + 2
    wait_until(lambda: hurried.descriptors() <= before + 2, 5, "descriptors to be given back")


def test_where_the_house_is_full_of_strangers_an_owner_gets_in(tmp_path: Path, certificate: Certificate) -> None:
    server = {"max_sessions": 60, "max_sessions_per_peer": 20}
    with besieged(tmp_path, certificate, server=server) as place, ExitStack() as all_of_them:
        with Device(place.door()) as inside:
            inside.login("thief", PASSWORD)
            attackers = [
                all_of_them.enter_context(place.attacker(f"127.31.0.{number % 5 + 1}", tls))
                for tls in ("none", "implicit")
                for number in range(100)
            ]
            assert attackers[0].line().startswith(b"+OK")
            for _ in range(5):
                assert place.poll("owner") < QUICK
            assert b"letter" in inside.retr(1)
            inside.quit()
        assert place.bridge.log.count("connection.refused") <= 200
        assert "made room" in place.bridge.log


def test_where_strangers_from_as_many_addresses_fill_the_house_a_known_address_gets_in(
    tmp_path: Path, certificate: Certificate
) -> None:
    with besieged(tmp_path, certificate, server={"max_sessions": 60}) as place, ExitStack() as all_of_them:
        attackers = [all_of_them.enter_context(place.attacker(f"127.32.0.{number}")) for number in range(1, 61)]
        assert all(each.line() == b"+OK popbridge ready" for each in attackers)
        with place.attacker("127.32.1.1") as another:
            assert another.line().startswith(b"-ERR [SYS/TEMP] too many connections")
        for _ in range(5):
            assert place.poll("owner") < QUICK
