"""Three accounts on two servers and seven mailboxes, and four devices with policies of their own, over an outage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.household import Household, account, letter
from tests.support.bridge_config import Table
from tests.support.device import Refused
from tests.support.dovecot import Dovecot
from tests.support.mail_clients import Fetchmail, Getmail, Mpop
from tests.support.ports import wait_until

PROGRAMS = {"fax": Fetchmail(), "den": Mpop(), "till": Getmail()}
for program in PROGRAMS.values():
    if missing := program.missing():
        pytest.skip(missing, allow_module_level=True)

MAILBOXES = {
    "family": ("INBOX", "Lists", "Archive/2025"),
    "work": ("INBOX", "Invoices"),
    "club": ("INBOX", "News"),
}
EACH = 4
"""Messages of every mailbox. One of the family's inbox has a copy in Lists."""

DEVICES: dict[str, Table] = {
    "fax": {"sources": ["family", "work", "club"]},
    "den": {"sources": ["club", "family/Lists", "family/INBOX", "work"], "on_delete": "trash"},
    "till": {
        "sources": ["work/INBOX", {"source": "club/News", "mark": "[News]"}, "family"],
        "provenance": True,
        "deduplicate": "off",
        "on_delete": "expunge",
    },
    "phone": {
        "sources": ["family", "club"],
        "search": 'NOT SUBJECT "INBOX 0"',
        "window": 10,
        "on_retrieve": "hide",
    },
}


@dataclass
class Accounts:
    """Where the household's mail is. The club's server is one of its own."""

    near: Dovecot
    club: Dovecot
    users: dict[str, str]

    def server(self, name: str) -> Dovecot:
        return self.club if name == "club" else self.near

    def deliver(self, name: str, mailbox: str, *letters: str) -> None:
        self.server(name).append_all(self.users[name], map(letter, letters), mailbox)

    def mail(self, name: str, mailbox: str) -> set[str]:
        """Give who is in a mailbox now."""
        messages = self.server(name).fetch_all(self.users[name], mailbox).values()
        return {each.rpartition(b"\r\n\r\n")[2].strip().decode() for each in messages}


@pytest.fixture
def accounts(dovecot: Dovecot) -> Iterator[Accounts]:
    """Give the accounts, with mail in every mailbox."""
    with Dovecot() as club:
        accounts = Accounts(dovecot, club, dict.fromkeys(MAILBOXES, ""))
        for name in MAILBOXES:
            accounts.users[name] = accounts.server(name).fresh_user()
        yield accounts


@pytest.fixture
def home(accounts: Accounts, tmp_path: Path) -> Household:
    """Give the household; the bridge does not run yet."""
    tables = {name: account(accounts.server(name), accounts.users[name], *MAILBOXES[name]) for name in MAILBOXES}
    for name, mailboxes in MAILBOXES.items():
        for mailbox in mailboxes:
            accounts.deliver(name, mailbox, *(f"{name} {mailbox} {n}" for n in range(EACH)))
    accounts.deliver("family", "Lists", "family INBOX 1")
    return Household(tmp_path, tables, DEVICES, PROGRAMS)


def lines(listing: bytes) -> int:
    return listing.count(b"\r\n")


def test_an_outage_is_not_noticed(home: Household, accounts: Accounts) -> None:
    with home:
        home.wait_listed({"family": (4, 5, 4), "work": (4, 4), "club": (4, 4)})
        _outage(home, accounts)


def _outage(home: Household, accounts: Accounts) -> None:
    assert {name: lines(home.listing(name)) for name in home.devices} == {"fax": 28, "den": 24, "till": 21, "phone": 10}
    first = {name: home.fetch(name) for name in PROGRAMS}
    assert [len(set(each)) for each in first.values()] == [28, 24, 20]
    _use(home, accounts)
    before = home.listings()
    assert [lines(each) for each in before.values()] == [25, 22, 20, 7]

    accounts.club.stop()
    wait_until(lambda: home.account("club")["state"] != "online", 20, "the club's server missed")
    assert home.listings() == before
    assert [home.fetch(name) for name in PROGRAMS] == [[], [], []]

    # What comes to the others comes, behind all that was there.
    accounts.deliver("work", "INBOX", "order")
    accounts.deliver("family", "Lists", "issue")
    home.wait_listed({"work": (4, 4)})
    wait_until(lambda: lines(home.listing("fax")) == 27, 20, "the new messages")
    during = home.listings()
    assert all(during[each].startswith(before[each]) for each in before if each[0] != "phone")
    assert [home.fetch(name) for name in PROGRAMS] == [["issue", "order"]] * 3

    # The bridge, too, is started again meanwhile.
    home.restart()
    assert home.listings() == during
    assert [home.fetch(name) for name in PROGRAMS] == [[], [], []]
    _cannot_be_had(home)

    accounts.club.start()
    accounts.deliver("club", "News", "welcome back")
    # Every login hurries the look at a server that was down.
    wait_until(lambda: lines(home.listing("fax")) == 28, 20, "the club's new message")
    after = home.listings()
    assert all(after[each].startswith(during[each]) for each in during if each[0] != "phone")
    assert [lines(after[each]) - lines(during[each]) for each in after] == [1, 1, 1, 1]
    assert [home.fetch(name) for name in PROGRAMS] == [["welcome back"], ["welcome back"], ["[News] welcome back"]]
    with home.session("fax") as device:
        assert all(device.retr(num) for num in device.unique_ids())


def _use(home: Household, accounts: Accounts) -> None:
    """Have every device delete or fetch something, each by its policy."""
    for name in PROGRAMS:
        with home.session(name) as device:
            device.command("DELE 2")
            device.quit()
    with home.session("phone") as device:
        device.retr(1)
        device.retr(2)
        device.quit()
    # den's second is the club's, till's second is work's.
    wait_until(lambda: "club INBOX 1" in accounts.mail("club", "Trash"), 20, "the message in the trash")
    wait_until(lambda: "work INBOX 1" not in accounts.mail("work", "INBOX"), 20, "the message expunged")
    home.wait_listed({"club": (3, 4), "work": (3, 4)})
    assert "family INBOX 1" in accounts.mail("family", "INBOX")


def _cannot_be_had(home: Household) -> None:
    """RETR of what is on the server that is down is refused for now, and all else is served. The bridge was started
    since it went down, so it keeps nothing of what came before.
    """
    with home.session("fax") as device:
        answers = []
        for num in device.unique_ids():
            try:
                device.retr(num)
            except Refused as refused:
                answers.append(str(refused))
        device.quit()
    assert len(answers) == 7
    assert all(each.startswith("-ERR [SYS/TEMP] ") for each in answers)


def test_a_server_that_was_never_reached_is_left_out_and_named(home: Household, accounts: Accounts) -> None:
    accounts.club.stop()
    with home:
        home.wait_listed({"family": (4, 5, 4), "work": (4, 4)})
        assert len(home.fetch("fax")) == 20
        before = home.listings()
        assert [lines(each) for each in before.values()] == [20, 16, 17, 10]
        named = home.device("fax")["never_shown"]
        assert named == [{"source": source, "listed": False} for source in ("club/INBOX", "club/News")]
        assert "club/News" in home.told("status")
        accounts.club.start()
        wait_until(lambda: lines(home.listing("fax")) == 28, 20, "what the club has")
        after = home.listings()
        assert all(after[each].startswith(before[each]) for each in before if each[0] != "phone")
        assert [lines(each) for each in after.values()] == [28, 24, 21, 10]
        assert len(home.fetch("fax")) == 8
        assert home.device("fax")["never_shown"] == []
