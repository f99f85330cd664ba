"""The reference upstream gives back what was put in."""

import poplib
import ssl
from collections.abc import Callable

import pytest

from tests.support.dovecot import Dovecot


def test_appended_octets_come_back_by_uid(dovecot: Dovecot) -> None:
    message = b"Subject: one\r\n\r\n.dot\r\nbare\rreturn\r\n"
    uid = dovecot.append("user39", "INBOX", message, flags=("\\Seen",), date="01-Jan-2024 10:00:00 +0000")
    assert dovecot.fetch_all("user39") == {uid: message}
    assert dovecot.flags("user39") == {uid: frozenset({"\\Seen"})}
    dovecot.expunge("user39", "INBOX", uid)
    assert dovecot.fetch_all("user39") == {}


def test_pop3s_with_its_own_authority(dovecot: Dovecot) -> None:
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    pop3 = poplib.POP3_SSL("localhost", dovecot.pop3s_port, context=context)
    pop3.user("user38")
    assert pop3.pass_(dovecot.users["user38"]).startswith(b"+OK")
    pop3.quit()


@pytest.mark.parametrize("end", [Dovecot.stop, Dovecot.kill])
def test_mail_survives_a_restart(dovecot: Dovecot, end: Callable[[Dovecot], None]) -> None:
    with Dovecot("maildir") as own:
        uid = own.append("anna", "INBOX", b"Subject: two\r\n\r\n")
        end(own)
        own.start()
        assert list(own.fetch_all("anna")) == [uid]
