"""`account add` and `device add`: what they write, what they tell, and what they ask a person."""

import json
import os
import pty
import re
import secrets
import select
import stat
import subprocess
import sys
import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from bridge.config import load, verify
from bridge.model.domains import DOMAINS
from bridge.model.presets import PRESETS
from bridge.model.secret import Secret
from bridge.model.settings import PasswordHash, Settings
from tests.cli.running import facts, run
from tests.config.examples import ENVIRON

EMPTY = """\
# the family's
[server]
token_key_file = "key"   # seals

[[listener]]
address = "0.0.0.0:110"

[[listener]]
address = "192.0.2.1:1110"
auth = ["plain", "scram-sha-256", "apop"]
"""
ACCOUNT = """
[account.family]
host = "imap.example.org"
user = "anna"
password_file = "family.secret"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration with listeners alone."""
    (tmp_path / "key").write_text(b64encode(secrets.token_bytes(32)).decode())
    path = tmp_path / "popbridge.toml"
    path.write_text(EMPTY)
    path.chmod(0o640)
    return path


@pytest.fixture
def home(config: Path) -> Path:
    """Give one with an account, too."""
    config.write_text(EMPTY + ACCOUNT)
    (config.parent / "family.secret").write_text("upstream 2345")
    return config


def loaded(config: Path) -> Settings:
    """Load it as `serve` would."""
    return load(config, environ=ENVIRON)


def test_an_account_and_a_device_make_a_whole_configuration(config: Path) -> None:
    done = run(config, "account", "add", "family", "--address", "anna@gmx.de", "--password-stdin", stdin="upstream 1\n")
    assert done.exit_code == 0, done.stderr
    assert "upstream 1" not in done.output + config.read_text()
    assert run(config, "device", "add", "fax").exit_code == 0
    settings = loaded(config)
    (account,) = settings.accounts.values()
    assert (account.provider, account.host, account.user) == ("gmx", PRESETS["gmx"].host, "anna@gmx.de")
    assert account.password == Secret("upstream 1")
    assert stat.S_IMODE((config.parent / "family.secret").stat().st_mode) == 0o640
    (device,) = settings.devices.values()
    assert [source.mailbox for source in device.sources] == ["INBOX"]
    assert config.read_text().startswith(EMPTY)


def test_it_tells_what_to_type_into_the_device(home: Path) -> None:
    done = run(home, "device", "add", "fax", "--login", "till", "--network", "192.168.1.0/24")
    assert done.exit_code == 0, done.stderr
    found = re.search(r"password    (\S+)   \(shown once", done.stdout)
    assert found is not None
    (device,) = loaded(home).devices.values()
    assert (device.login, device.networks, device.auth) == ("till", ("192.168.1.0/24",), ("plain",))
    assert isinstance(device.password, PasswordHash)
    assert verify(device.password, Secret(found[1]))
    assert found[1] not in home.read_text()
    assert f"POP3 server {os.uname().nodename}, port 110, encryption: none" in done.stdout
    assert "POP3 server 192.0.2.1, port 1110, encryption: none" in done.stdout
    assert "user name   till" in done.stdout
    assert "systemctl reload popbridge" in done.stdout


def test_it_tells_who_listens_behind_a_proxy_and_who_is_for_old_devices(home: Path) -> None:
    for name in ("tls.crt", "tls.key"):
        (home.parent / name).touch()
    behind = '[[listener]]\naddress = "192.0.2.1:1111"\nproxy_protocol = ["192.0.2.7"]\n'
    old = '[[listener]]\naddress = "192.0.2.1:995"\ntls = "implicit"\ntls_profile = "legacy"\n'
    home.write_text(home.read_text() + behind + old + 'certificate = "tls.crt"\nkey = "tls.key"\n')
    done = run(home, "device", "add", "fax")
    assert done.exit_code == 0, done.stderr
    assert "POP3 server the proxy in front of 192.0.2.1, port 1111, encryption: none" in done.stdout
    assert "TLS from the start (SSL), for a device that knows old TLS alone" in done.stdout


def test_scripts_get_an_object(home: Path) -> None:
    found = facts(home, "device", "add", "fax", "--auth", "scram-sha-256", "--alphabet", "digits")
    assert re.fullmatch(r"\d{20}", found.pop("password"))
    assert found == {
        "version": 1,
        "device": "fax",
        "file": str(home),
        "login": "fax",
        "sources": ["family"],
        "networks": [],
        "auth": ["scram-sha-256"],
        "servers": [
            {
                "host": "192.0.2.1",
                "port": 1110,
                "tls": "none",
                "socket": None,
                "tls_profile": "modern",
                "proxied": False,
            }
        ],
    }
    found = facts(home, "account", "add", "work", "--host", "imap.example.com", "--user", "bob", "--password-env", "W")
    assert found == {
        "version": 1,
        "account": "work",
        "file": str(home),
        "secret_files": [],
        "provider": None,
        "user": "bob",
        "oauth": False,
    }


@pytest.mark.parametrize(
    ("auth", "kept"),
    [
        (("plain",), ["scrypt"]),
        (("scram-sha-256",), ["scram-sha-256"]),
        (("plain", "scram-sha-256"), ["scrypt", "scram-sha-256"]),
        (("apop", "plain"), ["sealed"]),
    ],
)
def test_as_little_of_the_password_is_kept_as_will_do(home: Path, auth: tuple[str, ...], kept: list[str]) -> None:
    options = [word for way in auth for word in ("--auth", way)]
    done = run(home, "device", "add", "fax", "--password-stdin", *options, stdin="keypad 2345\n")
    assert done.exit_code == 0, done.stderr
    assert "keypad" not in done.output + home.read_text()
    assert re.findall(r'"(scrypt|scram-sha-\d+|sealed)\$', home.read_text()) == kept
    (device,) = loaded(home).devices.values()
    assert device.auth == auth


def test_no_device_gets_the_accounts_own_password(home: Path) -> None:
    before = home.read_bytes()
    done = run(home, "device", "add", "fax", "--password-stdin", stdin="upstream 2345\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "that is the password of account family" in done.stderr
    assert "2345" not in done.stderr
    assert home.read_bytes() == before


def test_where_no_password_is_taken_the_device_gets_what_is_offered(home: Path) -> None:
    home.write_text('[[listener]]\naddress = "127.0.0.1:110"\nauth = ["scram-sha-1"]\n' + ACCOUNT)
    assert facts(home, "device", "add", "fax")["auth"] == ["scram-sha-1"]


def test_oauth_is_written_as_asked(config: Path) -> None:
    options = ("--address", "bob@outlook.com", "--client-id", "abc", "--flow", "device")
    done = run(config, "account", "add", "work", *options)
    assert done.exit_code == 0, done.stderr
    assert "popbridge login work" in done.stdout
    (account,) = loaded_accounts(config)
    assert account["oauth"] == {"client_id": "abc", "flow": "device"}
    assert account["provider"] == "outlook"


def loaded_accounts(config: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads(config.read_text())["account"].values())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("device", "add", "fax", "--source", "famly"), 2, "famly"),
        (("device", "add", "fax", "--network", "192.168.1.1/24"), 2, "has bits set behind its prefix"),
        (("device", "add", "fax", "--auth", "kerberos"), 2, "no way to log in called 'kerberos'"),
        (("device", "add", "fax", "--auth", "cram-md5"), 2, "lets it log in nowhere"),
        (("device", "add", "fax", "--length", "4"), 2, "are guessed"),
        (("device", "add", "fax", "--on-delete", "shred"), 2, "on_delete"),
        (("device", "add", "fax", "--password-stdin", "--length", "9"), 2, "made up"),
        (("account", "add", "family", "--host", "h", "--user", "u", "--password-env", "E"), 2, "already"),
        (("account", "add", "w", "--user", "u", "--password-env", "E"), 2, "--host or --provider"),
        (("account", "add", "w", "--host", "h", "--password-env", "E"), 2, "--user or --address"),
        (("account", "add", "w", "--host", "h", "--user", "u"), 2, "--password-stdin"),
        (
            ("account", "add", "w", "--host", "h", "--user", "u", "--password-env", "E", "--client-id", "c"),
            2,
            "one way",
        ),
        (("account", "add", "w w", "--host", "h", "--user", "u", "--password-env", "E"), 2, "an account's name"),
        (("account", "add", "w", "--address", "bob@outlook.com"), 2, "--client-id"),
    ],
)
def test_what_makes_no_sense_changes_nothing(home: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    before = home.read_bytes()
    done = run(home, *arguments)
    assert done.exit_code == status
    assert words in done.stderr
    assert home.read_bytes() == before
    assert len(list(home.parent.iterdir())) == 3


def test_without_an_account_there_is_nothing_to_read(config: Path) -> None:
    done = run(config, "device", "add", "fax")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "popbridge account add" in done.stderr


def test_two_accounts_are_not_chosen_between(home: Path) -> None:
    home.write_text(home.read_text() + ACCOUNT.replace("account.family", "account.work"))
    done = run(home, "device", "add", "fax")
    assert done.exit_code == 2
    assert "--source" in done.stderr


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    done = run(tmp_path / "none.toml", "device", "add", "fax")
    assert done.exit_code == 1
    assert "popbridge config example" in done.stderr


@pytest.mark.parametrize("provider", sorted(set(DOMAINS.values())))
def test_what_is_proposed_by_the_domain_is_there(provider: str) -> None:
    assert provider in PRESETS


def talk(config: Path, arguments: list[str], answers: list[tuple[str, str]]) -> str:
    """Run a command at a terminal; give all that stands on it. Each answer waits for its question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bridge", *arguments, "--config", str(config)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown, seen = "", 0
        try:
            for question, answer in answers:
                while (at := shown.find(question, seen)) < 0:
                    more = _read(ours)
                    assert more, f"it was never asked: {question}; {shown}"
                    shown += more
                seen = at + len(question)
                os.write(ours, f"{answer}\n".encode())
            while more := _read(ours):
                shown += more
            assert process.wait(30) == 0, shown
        finally:
            process.kill()
            os.close(ours)
    return shown


def _read(terminal: int) -> str:
    """Give what comes next, or nothing once the command has ended (Linux tells that by EIO)."""
    ready, _, _ = select.select([terminal], [], [], 30)
    assert ready, "nothing comes any more"
    try:
        return os.read(terminal, 4096).decode()
    except OSError:
        return ""


def test_a_person_is_asked_for_what_was_not_given(config: Path) -> None:
    shown = talk(
        config,
        ["account", "add", "family"],
        [
            ("Mail address", "anna@gmail.com"),
            ("Provider [gmail]", ""),
            ("User name [anna@gmail.com]", ""),
            ("Password:", "abcd efgh ijkl mnop"),
            ("Repeat", "abcd efgh ijkl mnop"),
        ],
    )
    assert "apppasswords" in shown
    assert "efgh" not in shown
    shown = talk(
        config,
        ["device", "add", "fax"],
        [
            ("Login [fax]", "till"),
            ("Reads (ACCOUNT or ACCOUNT/MAILBOX) [family]", "family/INBOX"),
            ("Networks", "192.168.1.0/24, 10.0.0.0/8"),
            ("Characters", "digits"),
        ],
    )
    settings = loaded(config)
    (account,) = settings.accounts.values()
    assert (account.provider, account.password) == ("gmail", Secret("abcd efgh ijkl mnop"))
    (device,) = settings.devices.values()
    assert (device.login, device.networks) == ("till", ("192.168.1.0/24", "10.0.0.0/8"))
    found = re.search(r"password    (\d{20}) ", shown)
    assert found is not None
    assert isinstance(device.password, PasswordHash)
    assert verify(device.password, Secret(found[1]))
    assert json.dumps(found[1]) not in config.read_text()
