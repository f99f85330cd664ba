"""A mailbox of 20,000 messages that another client made anew: no device notices, and no message is fetched for it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.clients.household import Household, account, letter
from tests.support import imap_reference
from tests.support.bridge_config import Table
from tests.support.dovecot import RECORDED, Dovecot, dovecot_missing
from tests.support.ports import wait_until

MANY = 20_000
FEW = 30

DEVICES: dict[str, Table] = {
    "fax": {"sources": ["family"]},
    "den": {"sources": ["family/Big", "family/INBOX"], "on_delete": "trash"},
    "till": {"sources": [{"source": "family/Big", "mark": "[Big]"}], "provenance": True, "deduplicate": "off"},
    "phone": {"sources": ["family/Big"], "window": 12_345, "search": 'NOT SUBJECT "7"'},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Dovecot]:
    """Give a server that keeps what it is asked."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot("mdbox", extra=RECORDED) as server:
        yield server


@pytest.fixture
def user(upstream: Dovecot) -> str:
    """Give a user with mail in INBOX and very much in Big; INBOX has copies of the first of it."""
    user = upstream.fresh_user()
    upstream.record(user)
    with upstream.client(user) as imap:
        imap_reference.create(imap, "Big")
        imap_reference.append_at_once(imap, "Big", (letter(f"letter {n}") for n in range(MANY)))
        imap_reference.append_at_once(imap, "INBOX", (letter(f"letter {n}") for n in range(FEW)))
    return user


@pytest.fixture
def home(upstream: Dovecot, user: str, tmp_path: Path) -> Iterator[Household]:
    """Give the household; everything is listed, known and counted."""
    with Household(tmp_path, {"family": account(upstream, user, "INBOX", "Big")}, DEVICES) as home:
        home.wait_listed({"family": (FEW, MANY)}, 120, pause=2)
        yield home


def bodies(upstream: Dovecot, user: str) -> int:
    """Count the fetches of more than headers."""
    return sum(b"BODY" in line and b"BODY.PEEK[HEADER.FIELDS" not in line for line in upstream.said(user))


def test_nobody_notices(home: Household, upstream: Dovecot, user: str) -> None:
    before = home.listings("UIDL", "LIST")
    assert [each.count(b"\r\n") for each in before.values()] == [20_000] * 6 + [12_345] * 2
    fetched = bodies(upstream, user)
    assert fetched
    with upstream.client(user) as imap:
        was = imap_reference.uidvalidity(imap, "Big")
        imap_reference.create(imap, "Saved")
        imap_reference.copy(imap, "Big", "1:*", "Saved")
        imap_reference.delete(imap, "Big")
        imap_reference.create(imap, "Big")
        assert imap_reference.uidvalidity(imap, "Big") != was
        wait_until(partial(_missing, home, MANY), 60, "the loss doubted", pause=1)
        assert home.listings("UIDL", "LIST") == before
        # What is left to come is less than may go without a doubt.
        imap_reference.copy(imap, "Saved", f"1:{MANY - 1000}", "Big")
        wait_until(partial(_missing, home, 1000), 60, "the messages that are back", pause=1)
        assert home.listings("UIDL", "LIST") == before
        imap_reference.copy(imap, "Saved", f"{MANY - 999}:*", "Big")
        wait_until(partial(_missing, home, 0), 60, "all messages back", pause=1)
    home.wait_listed({"family": (FEW, MANY)}, 60, pause=2)
    assert home.listings("UIDL", "LIST") == before
    assert bodies(upstream, user) == fetched


def _missing(home: Household, count: int) -> bool:
    return bool(sum(each["missing"] for each in home.account("family")["suspicions"]) == count)
