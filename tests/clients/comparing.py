"""Comparing what a program stored with what the upstream has."""

import re
from collections.abc import Iterable

from tests.support.mail_clients import MailClient
from tests.support.messages import MESSAGES, repaired, with_lf


def assert_same(client: MailClient, got: Iterable[bytes], upstream: Iterable[bytes]) -> None:
    """Fail unless each message arrived once and as it should; order does not count.

    Of what the program itself alters, only the subjects are compared.
    """
    got, wanted = list(got), [repaired(message) for message in upstream]
    altered = {subject(MESSAGES[name]) for name in client.alters}
    assert sorted(map(subject, got)) == sorted(map(subject, wanted))
    if client.exact:
        assert sorted(got) == sorted(wanted)
    assert with_lf(each for each in got if subject(each) not in altered) == with_lf(
        each for each in wanted if subject(each) not in altered
    )


def subject(message: bytes) -> bytes:
    """Give the text of the first Subject line."""
    found = re.search(rb"^Subject: ([^\r\n]*)", message, re.MULTILINE)
    assert found is not None, message[:80]
    return found.group(1)
