"""Passthrough before a real Dovecot, with devices' own programs and the owner's commands."""

import base64
import contextlib
import poplib
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trio

from bridge.control import ask
from tests.passthrough.house import ANN, BEN, letter
from tests.support.bridge_config import write_config
from tests.support.bridge_process import BridgeProcess, popbridge
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.support.ports import wait_until

PASSWORDS = {ANN: "ann-secret-1 with blanks", BEN: "ben-secret-1"}
TABLE = """
[passthrough."Example.ORG"]
host = "localhost"
port = {port}
ca_file = "{ca}"
remember = true
on_delete = "trash"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Give a Dovecot whose users have a domain."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(users=PASSWORDS) as dovecot:
        yield dovecot


def config(directory: Path, server: Dovecot, table: str = TABLE) -> Path:
    """Write a configuration of one passed-through domain."""
    (directory / "popbridge.key").write_text(base64.b64encode(bytes(range(32))).decode())
    (directory / "popbridge.key").chmod(0o600)
    path = write_config(
        directory, {}, {}, server={"token_key_file": "popbridge.key", "undo_window": 0, "refresh_wait": 0.5}
    )
    with path.open("a") as file:
        file.write(table.format(port=server.imaps_port, ca=server.ca_file))
    return path


def pop3(bridge: BridgeProcess, login: str, password: str = "") -> poplib.POP3:
    """Give a session of Python's own client."""
    door = bridge.door()
    with contextlib.ExitStack() as unless_in:
        client = poplib.POP3(door.host, door.port, timeout=30)
        unless_in.callback(client.close)
        client.user(login)
        client.pass_(password or PASSWORDS[login.removeprefix("recent:").partition("+")[0]])
        unless_in.pop_all()
    return client


def listed(bridge: BridgeProcess, login: str) -> list[bytes]:
    """Give what a device's UIDL tells."""
    client = pop3(bridge, login)
    found: list[bytes] = client.uidl()[1]
    client.quit()
    return found


def asked(path: Path, command: str, **arguments: object) -> dict[str, Any]:
    """Give what the bridge that runs tells."""
    found: dict[str, Any] = trio.run(partial(ask, str(path.with_name("control.sock")), command, **arguments))
    return found


def test_a_life_with_outages_restarts_and_an_owner(server: Dovecot, tmp_path: Path) -> None:
    path = config(tmp_path, server)
    server.append_all(ANN, [letter("a1"), letter("a2")])
    server.append_all(BEN, [letter("b1")])
    with BridgeProcess(path) as bridge:
        client = pop3(bridge, ANN)
        uidls = client.uidl()[1]
        assert (len(uidls), b"Subject: a2" in client.retr(2)[1]) == (2, True)
        client.dele(1)
        client.quit()
        assert listed(bridge, f"{ANN}+den") == uidls
        assert len(listed(bridge, BEN)) == 1
        wait_until(lambda: len(server.fetch_all(ANN, "Trash")) == 1, 20, "what Ann deleted in her Trash")
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            pop3(bridge, ANN, "wrong")
        assert fetched_by_curl(bridge, f"recent:{ANN}") == fetched_by_curl(bridge, ANN) != b""
        server.kill()
        try:
            assert len(listed(bridge, ANN)) == 1
            bridge.kill()
            bridge.start()
            assert len(listed(bridge, ANN)) == 1
            with pytest.raises(poplib.error_proto, match=r"\[SYS/TEMP\]"):
                pop3(bridge, "nobody@example.org", "nobody's")
        finally:
            server.start()
        assert asked(path, "device_show", device=f"{ANN}+den")["configured"] is True
        server.append_all(ANN, [letter("a3")])
        wait_until(lambda: len(listed(bridge, ANN)) == 2, 20, "a new letter after the outage")
        copy = Path(asked(path, "backup")["file"])
        assert PASSWORDS[ANN].encode() not in copy.read_bytes()
    # Nobody runs: the database tells, and forgets.
    told = popbridge("status", config=path).stdout
    assert re.search(r"^example.org +2 +4 ", told, re.MULTILINE), told
    assert popbridge("device", "forget", BEN, config=path).returncode == 0
    assert popbridge("account", "forget", ANN, config=path).returncode == 0
    with BridgeProcess(path) as bridge:
        account = next(one for one in asked(path, "status")["accounts"] if one["name"] == ANN)
        assert (account["state"], account["remembered"]) == ("asleep", False)
        assert len(listed(bridge, ANN)) == 2
        assert BEN not in {one["name"] for one in asked(path, "status")["devices"]}


def fetched_by_curl(bridge: BridgeProcess, login: str) -> bytes:
    """Have curl fetch the first message, over SASL where it can."""
    if shutil.which("curl") is None:
        return b"curl is not installed"
    door = bridge.door()
    asked = f'url = "pop3://{quote(login)}:{quote(PASSWORDS[ANN])}@{door.host}:{door.port}/1"\n'
    done = subprocess.run(["curl", "-sS", "--config", "-"], input=asked.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_config_is_checked_without_a_user(server: Dovecot, tmp_path: Path) -> None:
    path = config(tmp_path, server)
    done = popbridge("check", config=path)
    assert done.returncode == 0
    assert f"passthrough example.org: at localhost port {server.imaps_port} tls=implicit remember=true" in done.stdout
    path.write_text(path.read_text().replace(str(server.ca_file), str(path)))
    assert 'passthrough."example.org".ca_file: ' in popbridge("check", config=path).stderr
