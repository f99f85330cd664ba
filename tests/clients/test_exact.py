"""Every program gets every message of the mailbox of trouble as the upstream has it, over each kind of door."""

from pathlib import Path

import pytest

from tests.clients.comparing import assert_same
from tests.clients.house import House
from tests.support.device import Device
from tests.support.mail_clients import CLIENTS, MailClient
from tests.support.messages import ASKS_FOR_REPAIR, MESSAGES, repaired

DOORS = ("none", "starttls", "implicit")


@pytest.fixture(scope="module", autouse=True)
def filled(house: House) -> House:
    """Give the house with the mailbox of trouble in it, listed and measured."""
    house.append(MESSAGES.values())
    house.wait_for_messages(len(MESSAGES))
    return house


@pytest.mark.parametrize("tls", DOORS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_programs_store_what_the_upstream_has(client: MailClient, tls: str, house: House, home: Path) -> None:
    if missing := client.missing():
        pytest.skip(missing)
    login = house.new_login(house.bridge.door(tls))
    assert_same(client, client.fetch_new(login, home), house.dovecot.fetch_all(house.user).values())


@pytest.mark.parametrize("tls", DOORS)
def test_octets_on_the_wire_are_exact(tls: str, house: House) -> None:
    upstream = [repaired(octets) for _, octets in sorted(house.dovecot.fetch_all(house.user).items())]
    with house.session(house.new_login(house.bridge.door(tls))) as device:
        assert [device.retr(n) for n in range(1, len(upstream) + 1)] == upstream


def test_sizes_are_those_of_what_is_sent(house: House) -> None:
    with house.session(house.new_login()) as device:
        sizes = device.sizes()
        assert sizes == {n: len(device.retr(n)) for n in sizes}
        assert device.stat() == (len(sizes), sum(sizes.values()))
        assert {n: int(device.command(f"LIST {n}").split()[1]) for n in sizes} == sizes


def test_top_is_cut_from_the_same_octets(house: House) -> None:
    with house.session(house.new_login()) as device:
        for n in device.sizes():
            whole = device.retr(n)
            assert device.top(n, 1_000_000) == whole
            head, _, body = whole.partition(b"\r\n\r\n")
            if body:
                first = body.partition(b"\r\n")[0]
                assert device.top(n, 0) == head + b"\r\n\r\n"
                assert device.top(n, 1) == head + b"\r\n\r\n" + first + b"\r\n"


def test_unique_ids_are_valid_distinct_and_stay(house: House) -> None:
    login = house.new_login()
    with house.session(login) as device:
        first = device.unique_ids()
        device.quit()
    assert len(set(first.values())) == len(MESSAGES)
    assert all(0 < len(each) <= 70 and each.isascii() and each.isalnum() for each in first.values())
    with house.session(login) as device:
        assert device.unique_ids() == first


def test_some_messages_ask_for_repair(house: House) -> None:
    upstream = house.dovecot.fetch_all(house.user).values()
    assert sum(repaired(octets) != octets for octets in upstream) >= len(ASKS_FOR_REPAIR) - 2


def test_reading_changes_no_flag_upstream(house: House) -> None:
    with house.session(house.new_login()) as device:
        device.retr(1)
        device.quit()
    assert set(house.dovecot.flags(house.user).values()) == {frozenset()}


def test_nothing_of_before_stls_is_kept(house: House) -> None:
    door = house.bridge.door("starttls")
    with Device(door) as device:
        login = house.new_login(door)
        device.command(f"USER {login.name}")
        # The password is in the same packet, in clear: a server that kept it would log in after the handshake.
        device.send(f"STLS\r\nPASS {login.password}\r\nSTAT\r\n".encode())
        assert device.line().startswith(b"+OK")
        device.start_tls(login.ca)
        assert "USER" in list(_words(device))
        with pytest.raises(Exception, match="-ERR"):
            device.command(f"PASS {login.password}")


def _words(device: Device) -> list[str]:
    return [line.decode().split()[0] for line in device.body("CAPA")]
