"""Real mail programs sign in by every way there is, to devices of which as much is kept as that way needs."""

import poplib
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.config import hash_password
from bridge.config.verifiers import make_verifier, seal_password
from bridge.model.secret import Secret
from tests.support.bridge_config import Table, dovecot_account, write_config
from tests.support.bridge_process import BridgeProcess, Door
from tests.support.dovecot import Dovecot
from tests.support.mail_clients import Curl, Fetchmail, Login, MailClient, Mpop
from tests.support.ports import wait_until

PASSWORD = Secret("keypad 2345")
MESSAGE = b"Subject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"
EVERY = ["plain", "login", "scram-sha-256", "scram-sha-1", "cram-md5", "apop"]
SENDS_NO_PASSWORD = EVERY[2:]


@dataclass
class Doors:
    """A running bridge: where every way is offered, and where passwords are not to be sent."""

    bridge: BridgeProcess
    every: Door
    proofs: Door

    def login(self, device: str, door: Door | None = None) -> Login:
        return Login(door or self.every, device, PASSWORD.reveal(), Path("/nonexistent"))


@pytest.fixture(scope="module")
def doors(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Give the doors of a bridge whose one account has a message."""
    directory = tmp_path_factory.mktemp("ways")
    user = dovecot.fresh_user()
    dovecot.append_all(user, [MESSAGE])
    key = b64encode(secrets.token_bytes(32)).decode()
    (directory / "key").write_text(key)
    scram = [make_verifier("SHA-256", PASSWORD), make_verifier("SHA-1", PASSWORD)]
    kept: dict[str, list[str]] = {
        "hash": [hash_password(PASSWORD), *scram],
        "scram": scram,
        "sealed": [seal_password(PASSWORD, "sealed", [Secret(key)])],
    }
    devices: dict[str, Table] = {
        name: {"password_hash": each, "auth": EVERY if name == "sealed" else EVERY[:4], "sources": ["account"]}
        for name, each in kept.items()
    }
    devices["plain"] = {"password": PASSWORD.reveal(), "auth": EVERY, "sources": ["account"]}
    listeners: list[Table] = [
        {"address": "127.0.0.1:0", "auth": EVERY},
        {"address": "127.0.0.1:0", "auth": ["plain", *SENDS_NO_PASSWORD], "plaintext_login": "never"},
    ]
    accounts = {"account": dovecot_account(dovecot, user)}
    bridge = BridgeProcess(write_config(directory, accounts, devices, listeners, {"token_key_file": "key"}))
    bridge.start()
    try:
        wait_until(lambda: bridge.status()["accounts"][0]["mailboxes"][0]["listed"], 30, "the listing")
        yield Doors(
            bridge,
            *(
                Door("127.0.0.1", int(each["address"].rpartition(":")[2]), "none")
                for each in bridge.status()["listeners"]
            ),
        )
    finally:
        bridge.kill()


PROGRAMS: list[tuple[str, MailClient, tuple[str, ...]]] = [
    ("mpop user", Mpop("user"), ("hash", "scram", "sealed", "plain")),
    ("mpop plain", Mpop("plain"), ("scram",)),
    ("mpop login", Mpop("login"), ("hash", "plain")),
    ("mpop scram-sha-256", Mpop("scram-sha-256"), ("hash", "scram", "sealed", "plain")),
    ("mpop scram-sha-1", Mpop("scram-sha-1"), ("scram", "plain")),
    ("mpop cram-md5", Mpop("cram-md5"), ("sealed", "plain")),
    ("mpop apop", Mpop("apop"), ("sealed",)),
    ("curl login", Curl("LOGIN"), ("scram",)),
    ("curl plain", Curl("PLAIN"), ("sealed",)),
    ("curl cram-md5", Curl("CRAM-MD5"), ("plain",)),
    ("curl apop", Curl("+APOP"), ("sealed",)),
    ("fetchmail apop", Fetchmail("protocol apop"), ("plain",)),
    ("fetchmail cram-md5", Fetchmail("protocol pop3 auth cram-md5"), ("sealed",)),
]


@pytest.mark.parametrize(
    ("program", "device"),
    [pytest.param(program, device, id=f"{name} {device}") for name, program, devices in PROGRAMS for device in devices],
)
def test_it_signs_in_and_reads(program: MailClient, device: str, doors: Doors, tmp_path: Path) -> None:
    if missing := program.missing():
        pytest.skip(missing)
    sends = getattr(program, "way", "") in ("user", "plain", "login") or program.program == "curl"
    door = doors.every if sends else doors.proofs
    (message,) = program.fetch_new(doors.login(device, door), tmp_path)
    assert message.replace(b"\r\n", b"\n") == MESSAGE.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(("way", "device"), [("scram-sha-256", "scram"), ("cram-md5", "sealed"), ("apop", "plain")])
def test_a_wrong_password_is_told_as_one(way: str, device: str, doors: Doors, tmp_path: Path) -> None:
    if missing := Mpop().missing():
        pytest.skip(missing)
    login = Login(doors.proofs, device, "wrong", Path("/nonexistent"))
    with pytest.raises(AssertionError, match=r"\(77, .*(authentication failed|wrong login or password)"):
        Mpop(way).fetch_new(login, tmp_path)


def test_poplib_finds_the_timestamp(doors: Doors) -> None:
    pop3 = poplib.POP3(doors.proofs.host, doors.proofs.port, timeout=20)
    with pytest.raises(poplib.error_proto, match="passwords are not taken"):
        pop3.user("plain")
    pop3.apop("plain", PASSWORD.reveal())
    assert pop3.stat()[0] == 1
    pop3.quit()


def test_what_is_offered_is_what_works(doors: Doors) -> None:
    offered = {}
    for name, door in (("every", doors.every), ("proofs", doors.proofs)):
        pop3 = poplib.POP3(door.host, door.port, timeout=20)
        offered[name] = pop3.capa()
        pop3.quit()
    assert offered["every"]["SASL"] == ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]
    assert offered["proofs"]["SASL"] == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]
    assert "USER" in offered["every"]
    assert "USER" not in offered["proofs"]
