"""The control: the same programs against Dovecot's own POP3, so that what they alter themselves is known."""

from pathlib import Path

import pytest

from tests.clients.comparing import assert_same
from tests.support.bridge_process import Door
from tests.support.dovecot import Dovecot
from tests.support.mail_clients import CLIENTS, Login, MailClient
from tests.support.messages import MESSAGES

NOT_REPAIRED = "bare CR"
"""Dovecot's POP3 hands on a bare CR, and programs differ on what it means."""


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_programs_store_what_a_reference_server_sends(client: MailClient, dovecot: Dovecot, home: Path) -> None:
    if missing := client.missing():
        pytest.skip(missing)
    user = dovecot.fresh_user()
    dovecot.append_all(user, [octets for name, octets in MESSAGES.items() if name != NOT_REPAIRED])
    login = Login(Door(dovecot.host, dovecot.pop3_port, "none"), user, dovecot.users[user], dovecot.ca_file)
    assert_same(client, client.fetch_new(login, home), dovecot.fetch_all(user).values())
    assert client.fetch_new(login, home) == []
