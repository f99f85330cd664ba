"""A program moves from Dovecot's own POP3 to the bridge, and fetches nothing that it has."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import run
from tests.clients.comparing import subject
from tests.former.support import message
from tests.support.bridge_config import dovecot_account, write_config
from tests.support.bridge_process import BridgeProcess, Door
from tests.support.dovecot import Dovecot
from tests.support.mail_clients import Fetchmail, Getmail, Login, MailClient, Mpop, Poplib
from tests.support.ports import wait_until

CLIENTS = (Poplib(), Mpop(), Getmail(), Fetchmail())
WORDS = ("a", "b", "c", "d")


class Move:
    """`old` is the user's maildrop at the former server, `new` the account that the bridge reads."""

    def __init__(self, dovecot: Dovecot, directory: Path, *, same_store: bool) -> None:
        self.dovecot = dovecot
        self.old = dovecot.fresh_user()
        self.new = self.old if same_store else dovecot.fresh_user()
        self.directory = directory
        # The device logs in as it did: its program looks up what it remembers by that name.
        device = {"login": self.old, "password": dovecot.users[self.old], "sources": ["account"]}
        self.config = write_config(directory, {"account": dovecot_account(dovecot, self.new)}, {"fax": device})
        self.bridge = BridgeProcess(self.config)

    def former_login(self) -> Login:
        """Give what the program's config says before the move."""
        door = Door(self.dovecot.host, self.dovecot.pop3_port, "none")
        return Login(door, self.old, self.dovecot.users[self.old], self.dovecot.ca_file)

    def new_login(self) -> Login:
        """Give what it says after."""
        return Login(self.bridge.door(), self.old, self.dovecot.users[self.old], self.dovecot.ca_file)

    def run(self, *arguments: str) -> dict[str, Any]:
        """Import."""
        stdin = self.dovecot.users[self.old]
        done = run(self.config, "device", "import-uidls", "fax", "--json", *arguments, stdin=stdin)
        assert done.exit_code in (0, 1), done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def from_server(self) -> list[str]:
        """Say how the former server is asked."""
        url = f"pop3+starttls://{self.old}@localhost:{self.dovecot.pop3_port}"
        return ["--from", url, "--ca-file", str(self.dovecot.ca_file)]

    def wait_until_known(self, count: int) -> None:
        """Return once the bridge has listed so many messages and knows what they are."""

        def known() -> bool:
            found = self.run(*self.from_server(), "--dry-run")
            return found["taken_over"] + found["without_former_id"] == count and not found["not_looked_at"]

        wait_until(known, 60, f"{count} messages that the bridge knows")


@pytest.fixture(params=[False, True], ids=["another store", "the same store"])
def move(request: pytest.FixtureRequest, dovecot: Dovecot, tmp_path: Path) -> Iterator[Move]:
    """Give a move whose messages are at the former server, and in the new account in another order."""
    found = Move(dovecot, tmp_path, same_store=request.param)
    dovecot.append_all(found.old, [message(word) for word in WORDS])
    if found.new != found.old:
        dovecot.append_all(found.new, [message(word) for word in ("new before", *reversed(WORDS))])
    yield found
    found.bridge.kill()


def rename_memory(client: MailClient, home: Path, move: Move) -> None:
    """Do what docs/moving-in.md says of a program: getmail's file has the port in its name."""
    if client.program == "getmail":
        (home / f"oldmail-localhost-{move.dovecot.pop3_port}-{move.old}").rename(
            home / f"oldmail-localhost-{move.bridge.door().port}-{move.old}"
        )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_what_a_program_has_is_not_fetched_again(client: MailClient, move: Move, home: Path) -> None:
    if missing := client.missing():
        pytest.skip(missing)
    assert len(client.fetch_new(move.former_login(), home)) == len(WORDS)
    move.bridge.start()
    move.wait_until_known(len(WORDS) + (move.new != move.old))
    found = move.run(*move.from_server())
    assert (found["running"], found["taken_over"], found["unpaired"]) == (True, len(WORDS), [])

    rename_memory(client, home, move)
    expected = [] if move.new == move.old else [b"new before"]
    assert [subject(each) for each in client.fetch_new(move.new_login(), home)] == expected
    move.dovecot.append_all(move.new, [message("later")])
    wait_until(lambda: [subject(e) for e in client.fetch_new(move.new_login(), home)] == [b"later"], 20, "new mail")
    assert client.fetch_new(move.new_login(), home) == []


FILES = {"mpop": "mpop:uidls", "fetchmail": "fetchmail:.fetchids", "getmail": "getmail:oldmail-localhost-{port}-{user}"}


@pytest.mark.parametrize("client", CLIENTS[1:], ids=lambda client: client.program)
@pytest.mark.parametrize("move", [True], ids=["the same store"], indirect=True)
def test_a_program_s_memory_is_enough_where_the_store_is_the_same(client: MailClient, move: Move, home: Path) -> None:
    if missing := client.missing():
        pytest.skip(missing)
    client.fetch_new(move.former_login(), home)
    move.bridge.start()
    move.wait_until_known(len(WORDS))
    move.bridge.stop()
    kind, _, name = FILES[client.program].format(port=move.dovecot.pop3_port, user=move.old).partition(":")
    found = move.run("--from-file", f"{kind}:{home / name}")
    assert (found["running"], found["taken_over"], found["found_by"]) == (False, len(WORDS), {"dovecot": len(WORDS)})

    move.bridge.start()
    rename_memory(client, home, move)
    assert client.fetch_new(move.new_login(), home) == []
