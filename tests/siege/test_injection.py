"""Nothing that somebody writes into a name, a password or a search key becomes a command upstream."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import trio

from bridge.model.names import AccountId, MailboxName
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.sandbox import SandboxServer
from bridge.upstream import Account
from tests.config.examples import problems, whole
from tests.siege.besieged import besieged
from tests.support.certificates import Certificate

INJECTED = ("x\r\nA9 DELETE INBOX", "x\nA9 DELETE INBOX", "x\0", "x\rA9 DELETE INBOX")

ACCOUNT_KEYS = ("host", "user", "password", "mailboxes", "archive", "ca_file")
DEVICE_KEYS = ("login", "password", "sources", "search")


@pytest.mark.parametrize("injected", INJECTED, ids=["CRLF", "LF", "NUL", "CR"])
@pytest.mark.parametrize("key", [*ACCOUNT_KEYS, *(f"device {key}" for key in DEVICE_KEYS)])
def test_a_line_end_in_the_configuration_is_a_mistake(tmp_path: Path, key: str, injected: str) -> None:
    value = {"sources": f"family/{injected}", "search": f"SUBJECT {injected}"}.get(
        key.removeprefix("device "), injected
    )
    text = json.dumps([value] if key in {"mailboxes", "device sources"} else value)
    if key.startswith("device "):
        given = {"password": '"x"', "sources": '["family"]', key.removeprefix("device "): text}
        table = "[device.fax]\n" + "".join(f"{name} = {each}\n" for name, each in given.items())
        found = problems(tmp_path, whole(device=table))
    else:
        given = {"host": '"imap.example.org"', "user": '"anna"', "password": '"x"', key: text}
        table = "[account.family]\n" + "".join(f"{name} = {each}\n" for name, each in given.items())
        found = problems(tmp_path, whole(account=table))
    assert any(key.removeprefix("device ") in problem.partition(": ")[2].partition(":")[0] for problem in found)


ODD = (
    'o"d',
    "o\\d",
    "{5}",
    "{5+}",
    "a b",
    "(",
    "*",
    "%",
    "NIL",
    "ä ö",
    "]",
    "~",
    "A1 LOGOUT",
    '" "x',
    "\u202e",
    "-" * 2000,
)


@pytest.mark.parametrize("odd", ODD)
async def test_whatever_a_user_and_a_password_hold_is_one_argument(odd: str) -> None:
    upstream = SandboxServer()
    upstream.add_user(odd, odd).create(odd if odd.isascii() and len(odd) < 100 else "odd")
    async with trio.open_nursery() as nursery:
        port = await nursery.start(upstream.run)
        for capabilities in (upstream.capabilities, upstream.capabilities - {"AUTH=PLAIN", "SASL-IR", "LITERAL+"}):
            upstream.capabilities = set(capabilities)
            settings = AccountSettings(AccountId("odd"), "odd", "127.0.0.1", port, "none", odd, Secret(odd))
            account = Account(settings, timeout=5)
            await nursery.start(account.run)
            async with account.watch() as watcher:
                for name in ("INBOX", odd if odd.isascii() and len(odd) < 100 else "odd"):
                    found = await watcher.examine(MailboxName(name))
                    assert found is not None
        nursery.cancel_scope.cancel()
    said = {moment.command for moment in upstream.commands()}
    assert not said & {"LOGOUT", "DELETE", "STORE", "EXPUNGE", "SELECT"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_nobody_begins_tls_anew(tmp_path: Path, certificate: Certificate) -> None:
    with besieged(tmp_path, certificate) as place, place.polling():
        where = f"127.0.0.1:{place.door('implicit').port}"
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", where, "-tls1_2", "-CAfile", str(certificate.ca)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with client:
            assert client.stdin is not None
            assert client.stdout is not None
            while not (line := client.stdout.readline()).startswith(b"+OK"):
                assert line
            client.stdin.write(b"R\n")
            client.stdin.flush()
            assert b"no renegotiation" in client.stdout.read()
