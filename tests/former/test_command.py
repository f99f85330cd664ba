"""`popbridge device import-uidls`, as people run it, on a state that no popbridge is using."""

import json
import poplib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from bridge.identity import content_identity
from bridge.maildrop import unique_id
from bridge.model.names import AccountId, DeviceId, MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import ListedMessage, ListingChange, MailboxKey, MailboxState
from bridge.store import open_store
from tests.cli.running import run
from tests.former.support import message
from tests.support.bridge_config import dovecot_account, write_config
from tests.support.dovecot import Dovecot

INBOX = MailboxKey(AccountId("account"), MailboxName("INBOX"))
OTHER = UidValidity(1_600_000_000)
"""The UIDVALIDITY of a store that is not the former server's."""


@dataclass
class MovingIn:
    """A device's former maildrop on Dovecot, and a popbridge that has listed the account it moves to."""

    dovecot: Dovecot
    user: str
    directory: Path
    config: Path

    @property
    def address(self) -> str:
        """The former server."""
        return f"pop3+starttls://{self.user}@localhost:{self.dovecot.pop3_port}"

    def run(self, *arguments: str, status: int = 0, password: str | None = None) -> str:
        """Run the command and give what it prints, to stderr as well where it fails."""
        stdin = password if password is not None else f"{self.dovecot.users[self.user]}\n"
        done = run(self.config, "device", "import-uidls", "fax", *arguments, stdin=stdin)
        assert done.exit_code == status, (done.exit_code, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stdout + done.stderr

    def facts(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Run it with `--json`."""
        found: dict[str, Any] = json.loads(self.run("--json", *arguments, status=status))
        return found

    def read(self, *arguments: str) -> list[str]:
        """Say how the former server is reached."""
        return ["--from", self.address, "--ca-file", str(self.dovecot.ca_file), *arguments]

    def former_ids(self) -> list[str]:
        """Give what the former server lists."""
        pop3 = poplib.POP3(self.dovecot.host, self.dovecot.pop3_port, timeout=60)
        pop3.user(self.user)
        pop3.pass_(self.dovecot.users[self.user])
        listed = [line.decode().split()[1] for line in pop3.uidl()[1]]
        pop3.quit()
        return listed

    def aliases(self) -> dict[int, str]:
        """Give the ids that the device knows its messages by, in place of their own."""

        async def look() -> dict[int, str]:
            async with open_store(str(self.directory / "state")) as store:
                return {int(seq): str(uidl) for seq, uidl in (await store.load_device(DeviceId("fax"))).aliases.items()}

        return trio.run(look)

    def list_account(self, words: Sequence[str], uidvalidity: int = OTHER, first: int = 1) -> None:
        """Have popbridge list messages in the account's INBOX, and know what they are."""
        found = [message(word) for word in words]
        uids = range(first, first + len(words))

        async def fill() -> None:
            async with open_store(str(self.directory / "state")) as store:
                validity = UidValidity(uidvalidity)
                lines = tuple(ListedMessage(Uid(uid), len(one), 1000, "") for uid, one in zip(uids, found, strict=True))
                state = MailboxState(validity, Uid(uids.stop), len(found), ModSeq(0))
                await store.apply_listing(
                    ListingChange(INBOX, validity, lines, state=state),
                    lambda uid, n: unique_id(INBOX, validity, uid, n),
                )
                await store.save_selector(INBOX.account, "INBOX", INBOX.mailbox)
                contents = [(Uid(uid), content_identity(one, 1000)) for uid, one in zip(uids, found, strict=True)]
                await store.record_identities(INBOX, validity, contents)

        trio.run(fill)


@pytest.fixture
def moving(dovecot: Dovecot, tmp_path: Path) -> MovingIn:
    """Give a device with three messages at its former server."""
    user = dovecot.fresh_user()
    dovecot.append_all(user, [message(word) for word in "abc"])
    device = {"fax": {"password": "device secret", "sources": ["account"]}}
    return MovingIn(
        dovecot, user, tmp_path, write_config(tmp_path, {"account": dovecot_account(dovecot, user)}, device)
    )


def test_ids_are_taken_over_for_messages_that_are_the_same(moving: MovingIn) -> None:
    moving.list_account("xcab")
    told = moving.run(*moving.read())
    assert told.splitlines() == [
        "fax: 3 unique-ids of 3 were taken over from the former server",
        "  3 by what the messages are",
        "  1 message has no former unique-id: new to it",
    ]
    a, b, c = moving.former_ids()
    assert moving.aliases() == {2: c, 3: a, 4: b}


def test_a_second_time_nothing_changes(moving: MovingIn) -> None:
    moving.list_account("abc")
    moving.run(*moving.read())
    before = moving.aliases()
    told = moving.facts(*moving.read())
    assert (told["taken_over"], told["there_before"]) == (0, 3)
    assert moving.aliases() == before


def test_a_dry_run_writes_nothing(moving: MovingIn) -> None:
    moving.list_account("abc")
    assert "3 unique-ids of 3 would be taken over" in moving.run(*moving.read("--dry-run"))
    assert moving.aliases() == {}


def test_what_has_no_counterpart_is_told(moving: MovingIn) -> None:
    moving.list_account("bxy")
    a, b, c = moving.former_ids()
    told = moving.facts(*moving.read())
    assert told["unpaired"] == [a, c]
    assert (told["taken_over"], told["without_former_id"], told["not_looked_at"]) == (1, 2, 0)
    assert told["sources"] == [{"source": "account/INBOX", "listed": True}]
    assert list(moving.aliases().values()) == [b]


def test_nothing_listed_yet_is_told(moving: MovingIn) -> None:
    moving.list_account("")
    assert "3 unique-ids that no message the device is shown has" in moving.run(*moving.read(), status=1)


def dovecot_uidvalidity(moving: MovingIn) -> int:
    """Give the UIDVALIDITY of the former server's INBOX."""
    with moving.dovecot.client(moving.user) as imap:
        found = re.search(rb"UIDVALIDITY (\d+)", imap.status("INBOX", "(UIDVALIDITY)")[1][0])
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("way", ["file", "server", "format"])
def test_ids_of_the_same_store_follow_from_where_messages_lie(way: str, moving: MovingIn) -> None:
    moving.list_account("abc", dovecot_uidvalidity(moving))
    remembered = moving.directory / "ids.txt"
    remembered.write_text("\n".join(moving.former_ids()[:2]))
    arguments = {
        "file": ["--from-file", f"list:{remembered}"],
        "server": moving.read(),
        "format": ["--computed", "%08Xu%08Xv"],
    }[way]
    told = moving.facts(*arguments)
    expected = moving.former_ids()[: 2 if way == "file" else 3]
    assert list(moving.aliases().values()) == expected
    assert sum(told["found_by"].values()) == len(expected)
    assert "identity" not in told["found_by"]


def test_a_file_and_the_server(moving: MovingIn) -> None:
    moving.list_account("abc")
    remembered = moving.directory / "fetchids"
    lines = [f"{moving.user}@localhost {uidl}" for uidl in [*moving.former_ids(), "long-gone"]]
    remembered.write_text("\n".join([*lines, "other@localhost x", ""]))
    told = moving.facts(*moving.read("--from-file", f"fetchmail:{remembered}", "--of", f"{moving.user}@localhost"))
    assert told["remembered"] == {"ids": 4, "there": 3}
    assert told["taken_over"] == 3


def test_ids_that_no_format_explains_are_not_guessed(moving: MovingIn) -> None:
    moving.list_account("abc")
    remembered = moving.directory / "ids.txt"
    remembered.write_text("1\n2\n3\n")
    told = moving.facts("--from-file", f"list:{remembered}", status=1)
    assert (told["taken_over"], told["unpaired"]) == (0, ["1", "2", "3"])
    told = moving.facts("--from-file", f"list:{remembered}", "--computed", "uid")
    assert moving.aliases() == {1: "1", 2: "2", 3: "3"}


def test_the_password_may_come_from_a_file(moving: MovingIn) -> None:
    moving.list_account("abc")
    secret = moving.directory / "old.secret"
    secret.write_text(moving.dovecot.users[moving.user] + "\n")
    moving.run(*moving.read("--password-file", str(secret)), password="")
    assert len(moving.aliases()) == 3


def test_a_wrong_password_is_told(moving: MovingIn) -> None:
    moving.list_account("abc")
    told = moving.run(*moving.read(), password="hunter2\n", status=1)
    assert f"does not take {moving.user} and the password" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Say where the unique-ids are from"),
        (["--from", "imap://anna@old.example.org"], "pop3s://USER@HOST"),
        (["--from", "pop3s://old.example.org"], "lacks the user"),
        (["--from", "pop3s://anna:hunter2@old.example.org"], "use --password-file"),
        (["--from", "pop3s://anna@old.example.org:x"], "lacks a host"),
        (["--from-file", "ids.txt"], "KIND:PATH"),
        (["--from-file", "list:/nowhere/ids.txt"], "cannot be read: No such file"),
        (["--from-file", "outlook:/dev/null"], "there is no kind of file 'outlook'"),
        (["--computed", "%f"], "file names are not told over IMAP"),
        (["--computed", "uid", "--of", "a@b"], "needs --from-file"),
        (["--computed", "uid", "--ca-file", "x"], "they need --from"),
        (["--computed", "uid", "--source", "work"], "has no source work: there are account/INBOX"),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], told: str, moving: MovingIn) -> None:
    moving.list_account("abc")
    found = moving.run(*arguments, status=2)
    assert told in " ".join(found.split())
    assert "hunter2" not in found


def test_an_unknown_device_is_told(moving: MovingIn) -> None:
    moving.list_account("abc")
    done = run(moving.config, "device", "import-uidls", "fox", "--computed", "uid")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no device" in done.stderr
