"""What another client of an account moves, empties and restores: no device fetches anything twice."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.clients.household import OneAccount, letter
from tests.support import imap_reference
from tests.support.bridge_config import Table
from tests.support.device import Refused
from tests.support.dovecot import Dovecot
from tests.support.imap_reference import Imap
from tests.support.mail_clients import Fetchmail, Mpop
from tests.support.ports import wait_until

PROGRAMS = {"fax": Fetchmail(), "den": Mpop()}
for program in PROGRAMS.values():
    if missing := program.missing():
        pytest.skip(missing, allow_module_level=True)

DEVICES: dict[str, Table] = {
    "fax": {"sources": ["family"], "deduplicate": "off"},
    "den": {"sources": ["family/Sorted", "family/INBOX"], "on_delete": "trash"},
}
MAIL = [f"letter {n}" for n in range(50)]


@pytest.fixture
def home(dovecot: Dovecot, tmp_path: Path) -> Iterator[OneAccount]:
    """Give the household, everything listed, and fetched by both programs."""
    with OneAccount(tmp_path, dovecot, DEVICES, MAIL, mailboxes=("INBOX", "Sorted"), programs=PROGRAMS) as home:
        assert [home.fetch(name) for name in PROGRAMS] == [sorted(MAIL)] * 2
        yield home


def unchanged(home: OneAccount, before: object) -> None:
    """Be sure that no device notices anything."""
    assert home.listings("UIDL", "LIST") == before
    assert [home.fetch(name) for name in PROGRAMS] == [[], []]


def move(imap: Imap, source: str, uids: str, target: str) -> None:
    """Move as most programs do."""
    imap_reference.copy(imap, source, uids, target)
    imap_reference.expunge(imap, source, uids)


def test_moved_one_by_one_and_at_once(home: OneAccount) -> None:
    before = home.listings("UIDL", "LIST")
    with home.dovecot.client(home.user) as imap:
        for uid in imap_reference.flags(imap, "INBOX"):
            if uid % 5 == 0:
                move(imap, "INBOX", str(uid), "Sorted")
            if uid % 20 == 0:
                unchanged(home, before)
        home.wait_listed({"family": (40, 10)})
        unchanged(home, before)
        move(imap, "INBOX", "1:*", "Sorted")
        unchanged(home, before)
        home.wait_listed({"family": (0, 50)})
        unchanged(home, before)
        imap_reference.move(imap, "Sorted", "1:*", "INBOX")
        unchanged(home, before)
        home.wait_listed({"family": (50, 0)})
        unchanged(home, before)
    assert home.status()["counters"]["losses_doubted"] == 0


def test_a_copy_that_stayed_a_while_before_its_original_went(home: OneAccount) -> None:
    before = home.listing("den")
    with home.dovecot.client(home.user) as imap:
        imap_reference.copy(imap, "INBOX", "1:*", "Sorted")
        home.wait_listed({"family": (50, 50)})
        assert home.listing("den") == before
        assert home.fetch("den") == []
        imap_reference.expunge(imap, "INBOX", "1:*")
        wait_until(lambda: "mailbox.loss_doubted" in home.bridge.log, 30, "the loss doubted")
        assert home.listing("den") == before
        home.command("account", "accept", "family")
        home.wait_listed({"family": (0, 50)})
    assert home.listing("den") == before
    assert home.fetch("den") == []


def test_emptied_by_mistake_and_restored(home: OneAccount) -> None:
    before = home.listings("UIDL", "LIST")
    with home.dovecot.client(home.user) as imap:
        imap_reference.create(imap, "Kept")
        imap_reference.copy(imap, "INBOX", "1:*", "Kept")
        imap_reference.expunge(imap, "INBOX", "1:*")
        wait_until(lambda: bool(home.account("family")["suspicions"]), 30, "the loss doubted")
        unchanged(home, before)
        [doubt] = home.command("status")["accounts"][0]["suspicions"]
        assert (doubt["mailbox"], doubt["missing"], doubt["known"], doubt["accepted"]) == ("INBOX", 50, 50, False)
        assert doubt["believed_at"] == doubt["since"] + 3600
        said = home.told("status")
        assert "INBOX" in said
        assert "popbridge account accept family" in said
        with home.session("fax") as device, pytest.raises(Refused, match=r"^-ERR \[SYS/TEMP\]"):
            device.retr(1)

        # A restore takes its time, and devices come meanwhile.
        for first in range(1, 51, 10):
            imap_reference.copy(imap, "Kept", f"{first}:{first + 9}", "INBOX")
            wait_until(partial(_missing, home, 41 - first), 30, "the restored messages")
            unchanged(home, before)
    assert home.command("status")["accounts"][0]["suspicions"] == []
    assert "account accept" not in home.told("status")
    with home.session("fax") as device:
        assert [device.retr(num) for num in device.unique_ids()] == [letter(name) for name in MAIL]


def _missing(home: OneAccount, count: int) -> bool:
    return bool(sum(each["missing"] for each in home.account("family")["suspicions"]) == count)


def test_emptied_and_meant_so(home: OneAccount) -> None:
    before = home.listings("UIDL")
    with home.dovecot.client(home.user) as imap:
        imap_reference.expunge(imap, "INBOX", "1:30")
    wait_until(lambda: bool(home.account("family")["suspicions"]), 30, "the loss doubted")
    assert home.listings("UIDL") == before
    home.bridge.kill()
    home.bridge.start()
    assert home.listings("UIDL") == before
    assert home.command("account", "accept", "family")["mailboxes"] == ["INBOX"]
    wait_until(lambda: home.listing("fax").count(b"\n") == 20, 30, "the loss believed")
    assert home.subjects("den") == MAIL[30:]
    assert home.account("family")["suspicions"] == []
    assert home.command("account", "accept", "family")["mailboxes"] == []
