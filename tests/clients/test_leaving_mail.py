"""Programs that leave mail on the server get each message once; devices do not disturb each other."""

from pathlib import Path

import pytest

from tests.clients.comparing import assert_same, subject
from tests.clients.house import House
from tests.support.bridge_process import settle
from tests.support.mail_clients import CLIENTS, MailClient


@pytest.fixture(scope="module", autouse=True)
def filled(house: House) -> House:
    """Give the house with three messages in it."""
    house.append(_message(f"old {n}") for n in range(3))
    house.wait_for_messages(3)
    return house


def _message(word: str) -> bytes:
    return b"From: a@example.org\r\nSubject: %b\r\nMessage-ID: <%b@example.org>\r\n\r\n%b\r\n" % (
        (word.encode(), word.replace(" ", ".").encode(), word.encode())
    )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_the_second_run_downloads_only_what_is_new(client: MailClient, house: House, home: Path) -> None:
    if missing := client.missing():
        pytest.skip(missing)
    login = house.new_login()
    before = house.dovecot.fetch_all(house.user)
    assert_same(client, client.fetch_new(login, home), before.values())
    assert client.fetch_new(login, home) == []

    house.append([_message(f"new for {client.program}")])
    settle(1)  # the promise: delivered one second before login is in that session
    new = client.fetch_new(login, home)
    assert [subject(each) for each in new] == [f"new for {client.program}".encode()]
    assert client.fetch_new(login, home) == []


def test_dele_without_quit_changes_nothing(house: House) -> None:
    login = house.new_login()
    with house.session(login) as device:
        before = device.unique_ids()
        device.command("DELE 1")
        assert 1 not in device.unique_ids()
        device.drop()
    with house.session(login) as device:
        assert device.unique_ids() == before


def test_dele_and_quit_hide_for_that_device_alone(house: House) -> None:
    one, other = house.new_login(), house.new_login()
    upstream = house.dovecot.fetch_all(house.user), house.dovecot.flags(house.user)
    with house.session(one) as device, house.session(other) as second:
        before = device.unique_ids()
        device.command("DELE 2")
        device.quit()
        assert second.unique_ids() == before
        second.retr(2)
        second.quit()
    with house.session(one) as device:
        assert list(device.unique_ids().values()) == [uidl for n, uidl in before.items() if n != 2]
    with house.session(other) as second:
        assert second.unique_ids() == before
    assert (house.dovecot.fetch_all(house.user), house.dovecot.flags(house.user)) == upstream


def test_rset_takes_marks_back(house: House) -> None:
    login = house.new_login()
    with house.session(login) as device:
        before = device.unique_ids()
        device.command("DELE 1")
        device.command("RSET")
        assert device.unique_ids() == before
        device.quit()
    with house.session(login) as device:
        assert device.unique_ids() == before


def test_mail_that_arrives_in_a_session_waits_for_the_next(house: House) -> None:
    login = house.new_login()
    with house.session(login) as device:
        before = device.unique_ids()
        house.append([_message("meanwhile")])
        settle(1)
        assert device.unique_ids() == before
        device.quit()
    with house.session(login) as device:
        after = device.unique_ids()
    assert {n: after[n] for n in before} == before
    assert len(after) == len(before) + 1


def test_what_is_hidden_stays_hidden_after_a_kill(house: House) -> None:
    login = house.new_login()
    with house.session(login) as device:
        before = list(device.unique_ids().values())
        device.command("DELE 1")
        device.quit()
    house.bridge.kill()
    house.bridge.start()
    again = house.login_again(login)
    with house.session(again) as device:
        assert list(device.unique_ids().values()) == before[1:]


def test_gone_upstream_is_gone_for_the_device(house: House) -> None:
    [uid] = house.append([_message("short-lived")])
    settle(1)
    login = house.new_login()
    with house.session(login) as device:
        before = list(device.unique_ids().values())
    house.dovecot.expunge(house.user, "INBOX", uid)
    settle(1)
    with house.session(login) as device:
        assert list(device.unique_ids().values()) == before[:-1]
