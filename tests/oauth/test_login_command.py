"""`popbridge login` as a process: a person at a browser, a real authorization server, and a Dovecot that asks it."""

import base64
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from bridge.config import load
from bridge.control import ask
from bridge.model.names import AccountId
from bridge.model.oauth import Tokens
from bridge.store import open_store
from tests.cli.running import run
from tests.oauth.authority import ANNA, SCOPE, SECRET, Authority, Browser, key_pair
from tests.oauth.scripted import refusal, scripted
from tests.support.bridge_config import Value, write_config
from tests.support.bridge_process import POPBRIDGE, BridgeProcess
from tests.support.device import Device, Refused
from tests.support.dovecot import Dovecot
from tests.support.ports import wait_until

KEY = base64.b64encode(b"0123456789abcdef" * 2).decode()


def endpoints(url: str) -> dict[str, Value]:
    """Give the keys that name a server."""
    return {
        "authorization_endpoint": f"{url}/auth",
        "device_authorization_endpoint": f"{url}/device/auth",
        "token_endpoint": f"{url}/token",
    }


def written(directory: Path, mail: Dovecot | None, oauth: Mapping[str, Value], user: str = ANNA) -> Path:
    """Write a configuration with one account that signs in by token."""
    (directory / "popbridge.key").write_text(f"{KEY}\n")
    account: dict[str, Value] = {
        "host": "127.0.0.1",
        "port": mail.imap_port if mail else 1,
        "tls": "none",
        "user": user,
        "oauth": oauth,
    }
    fax: dict[str, Value] = {"password": "fax-hunter3", "sources": ["family"]}
    return write_config(
        directory, {"family": account}, {"fax": fax}, server={"token_key_file": "popbridge.key", "refresh_wait": 1}
    )


def person(provider: Authority, flow: str, **more: Value) -> dict[str, Value]:
    """Give the `oauth` of an account that somebody signs in."""
    return {"client_id": "public", "flow": flow, "scope": SCOPE, **endpoints(provider.url), **more}


def kept(config: Path) -> Tokens | None:
    """Give the tokens that are in the database."""

    async def read() -> Tokens | None:
        loaded = load(config, environ={})
        async with open_store(loaded.server.state_dir) as store:
            await store.use_keys(loaded.server.token_keys)
            found = await store.load_secret("oauth", AccountId("family"))
            return Tokens.parse(found) if found else None

    return trio.run(read)


class Login:
    """A `popbridge login` that runs. `said` is what it wrote to stderr."""

    def __init__(self, config: Path, *arguments: str) -> None:
        command = [str(POPBRIDGE), "login", "family", "--json", "--config", str(config), *arguments]
        environ = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environ)
        self.command_line = " ".join(command)
        self.said = ""

    def address(self, last: bool = True) -> str:
        """Give the page that it says is to be opened: the last one of those it names."""
        assert self.process.stderr is not None
        pages: list[str] = []
        for line in self.process.stderr:
            self.said += line
            pages += re.findall(r"^ {4}(http\S+)$", line)
            if line.startswith(("Waiting", "address here")):
                return pages[-1 if last else 0]
        raise AssertionError(f"it ended: {self.said}")

    def ended(self, pasted: str = "") -> dict[str, Any]:
        """Give what it prints in the end."""
        out, err = self.process.communicate(pasted, timeout=60)
        self.said += err
        return json.loads(out) if out else {}


@contextmanager
def login(config: Path, *arguments: str) -> Iterator[Login]:
    """Run one for the block."""
    one = Login(config, *arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait(10)
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


def browse(address: str, *, here: bool = False, who: str = ANNA) -> str:
    """Do with a browser what is asked there; `here`: it then goes where it is sent back to."""

    async def go() -> str:
        ended = await Browser(who)(address)
        if here:
            async with httpx2.AsyncClient(trust_env=False) as client:
                await client.get(ended)
        return ended

    return trio.run(go)


def unleaked(config: Path, one: Login, tokens: Tokens) -> None:
    """See that the tokens are nowhere in clear."""
    database = b"".join(path.read_bytes() for path in (config.parent / "state").iterdir())
    for secret in (tokens.access.reveal(), tokens.refresh.reveal()):
        assert secret.encode() not in database
        assert secret not in one.said + one.command_line


def test_a_code_without_a_popbridge_running(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    config = written(tmp_path, mail, person(provider, "device"))
    with login(config) as one:
        browse(one.address())
        found = one.ended()
    assert one.process.returncode == 0, one.said
    assert f"{provider.url}/device\n" in one.said
    assert found == {
        "version": 1,
        "running": False,
        "kept": True,
        "account": "family",
        "provider": "custom",
        "flow": "device",
        "user": ANNA,
        "signed_in_as": [ANNA],
        "another": False,
        "renewable": True,
        "expires_at": found["expires_at"],
        "scope": SCOPE,
        "mailbox": {"ok": True, "note": "account family: 127.0.0.1 opened INBOX (0 messages)"},
    }
    tokens = kept(config)
    assert tokens is not None
    unleaked(config, one, tokens)


def test_a_browser_with_a_popbridge_running(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    """It waits for a sign-in, and once there is one its device reads the mailbox."""
    config = written(tmp_path, mail, person(provider, "browser"))
    with BridgeProcess(config) as bridge:
        wait_until(lambda: state(bridge) == "needs sign-in", 20, "the account to need a sign-in")
        with Device(bridge.door()) as fax, pytest.raises(Refused, match="SYS/TEMP"):
            fax.login("fax", "fax-hunter3")
        with login(config, "--loopback") as one:
            browse(one.address(), here=True)
            found = one.ended()
        assert one.process.returncode == 0, one.said
        assert (found["running"], found["kept"], found["mailbox"]["ok"]) == (True, True, True)
        wait_until(lambda: state(bridge) == "online", 20, "the account to be online")
        with Device(bridge.door()) as fax:
            fax.login("fax", "fax-hunter3")
            assert fax.stat() == (0, 0)
        log = bridge.log
    tokens = kept(config)
    assert tokens is not None
    unleaked(config, one, tokens)
    assert tokens.refresh.reveal() not in log


def state(bridge: BridgeProcess) -> str:
    """Give how the account is."""
    found = trio.run(ask, str(bridge.config.with_name("control.sock")), "status")
    account = found["accounts"][0]
    listed = all(one["listed"] for one in account["mailboxes"])
    return str(account["state"]) if listed or account["state"] != "online" else "not listed yet"


def test_a_popbridge_that_does_not_know_of_it_is_told_first(provider: Authority, tmp_path: Path) -> None:
    """Else somebody signs in, and what it was for is lost."""
    config = written(tmp_path, None, person(provider, "device"))
    by_token = config.read_text()
    config.write_text(re.sub(r"^oauth = .*$", 'password = "plain-hunter2"', by_token, flags=re.MULTILINE))
    with BridgeProcess(config):
        config.write_text(by_token)
        done = run(config, "login", "family")
    assert done.exit_code == 1
    assert done.stderr.startswith("popbridge: account family does not sign in by token in the configuration that")


def test_pasted_without_a_terminal(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    config = written(tmp_path, mail, person(provider, "browser"))
    with login(config) as one:
        ended = browse(one.address())
        found = one.ended(f"{ended}\n")
    assert one.process.returncode == 0, one.said
    assert (found["flow"], found["mailbox"]["ok"]) == ("browser", True)


def test_somebody_else_signed_in(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    config = written(tmp_path, mail, person(provider, "browser"))
    with login(config) as one:
        ended = browse(one.address(), who="boss@example.org")
        found = one.ended(f"{ended}\n")
    assert one.process.returncode == 1
    assert (found["signed_in_as"], found["another"]) == (["boss@example.org"], True)
    assert found["mailbox"]["ok"] is False
    assert "the server does not take the token for anna@example.org: it says" in found["mailbox"]["note"]


def test_what_only_the_service_may_read_is_not_needed(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    """systemd gives credentials to the service alone, and its owner signs in at a shell."""
    config = written(tmp_path, mail, person(provider, "browser"))
    text = config.read_text().replace('token_key_file = "popbridge.key"', 'token_key_credential = "popbridge.key"')
    config.write_text(text.replace('password = "fax-hunter3"', 'password_credential = "fax"'))
    (tmp_path / "fax").write_text("fax-hunter3")
    (tmp_path / "fax").chmod(0o600)
    with BridgeProcess(config, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        with login(config) as one:
            ended = browse(one.address())
            found = one.ended(f"{ended}\n")
        assert one.process.returncode == 0, one.said
        assert (found["running"], found["kept"]) == (True, True)
    done = run(config, "login", "family")
    assert done.exit_code == 2
    assert "server.token_key_credential: $CREDENTIALS_DIRECTORY is not set" in done.stderr


def test_ctrl_c_is_a_normal_end(provider: Authority, tmp_path: Path) -> None:
    config = written(tmp_path, None, person(provider, "device"))
    with login(config) as one:
        one.address()
        one.process.send_signal(signal.SIGINT)
        found = one.ended()
    assert (one.process.returncode, found) == (1, {})
    assert "Traceback" not in one.said
    assert one.said.rstrip().endswith("Ctrl-C ends it.")
    assert kept(config) is None


def test_a_service_account_asks_nobody(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    key = {"private_key": key_pair()[0], "client_email": "robot@example.org", "private_key_id": "k1"}
    (tmp_path / "robot.json").write_text(json.dumps(key))
    (tmp_path / "robot.json").chmod(0o600)
    oauth: dict[str, Value] = {"flow": "service-account", "key_file": "robot.json", "scope": "imap"}
    config = written(tmp_path, mail, {**oauth, "token_endpoint": f"{provider.url}/token"})
    done = run(config, "login", "family")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "account family: signed in",
        "  the tokens are kept, encrypted",
        "  account family: 127.0.0.1 opened INBOX (0 messages)",
    ]


def test_a_program_s_token_that_opens_no_mailbox(provider: Authority, mail: Dovecot, tmp_path: Path) -> None:
    """As of a Microsoft 365 client that nobody gave rights to the mailbox. Without a key nothing is kept."""
    oauth: dict[str, Value] = {
        "flow": "client-credentials",
        "client_id": "alone",
        "client_secret": SECRET,
        "client_auth": "basic",
        "scope": "imap",
        "token_endpoint": f"{provider.url}/token",
    }
    config = written(tmp_path, mail, oauth)
    config.write_text(config.read_text().replace('token_key_file = "popbridge.key"', ""))
    done = run(config, "login", "family")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "account family: signed in",
        "  nothing is kept: popbridge asks for a token when it needs one",
    ]
    assert lines[2].startswith("  ! account family:")
    assert not (tmp_path / "state").exists()


def test_a_wrong_secret_is_told(provider: Authority, tmp_path: Path) -> None:
    config = written(tmp_path, None, person(provider, "device", client_id="secret", client_secret="wrong-hunter2"))
    done = run(config, "login", "family")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "popbridge: account family: the authorization server 127.0.0.1 refuses (invalid_client"
    )
    assert "hunter2" not in done.stderr


async def test_an_authorization_server_that_is_down(tmp_path: Path) -> None:
    async with scripted(refusal("temporarily_unavailable", "", 503)) as server:
        config = written(tmp_path, None, {"client_id": "x", "flow": "device", **endpoints(server.url)})
        done = await trio.to_thread.run_sync(run, config, "login", "family")
    assert done.exit_code == 1
    assert "cannot answer just now (status 503, temporarily_unavailable)" in done.stderr


def test_an_account_with_a_password_has_nothing_to_sign_in(tmp_path: Path) -> None:
    config = written(tmp_path, None, {})
    config.write_text(re.sub(r"^oauth = .*$", 'password = "plain-hunter2"', config.read_text(), flags=re.MULTILINE))
    done = run(config, "login", "family")
    assert done.exit_code == 2
    assert done.stderr == ("popbridge: account family signs in with a password: to sign in by token, give it `oauth`\n")
    assert "there is no account \"famly\" (did you mean 'family'?)" in run(config, "login", "famly").stderr


def test_without_a_key_the_config_is_wrong(provider: Authority, tmp_path: Path) -> None:
    config = written(tmp_path, None, person(provider, "device"))
    config.write_text(config.read_text().replace('token_key_file = "popbridge.key"', ""))
    done = run(config, "login", "family")
    assert done.exit_code == 2
    assert "account.family.oauth: keeps tokens sealed: give the key for that in [server]" in done.stderr
