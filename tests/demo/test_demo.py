"""The demo, as a newcomer runs it."""

import re
import subprocess

from tests.support.bridge_process import POPBRIDGE


def test_once_shows_a_session_and_tells_where_to_connect() -> None:
    done = subprocess.run(
        [POPBRIDGE, "demo", "--listen", "127.0.0.1:0", "--once"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-4:]
    assert [line.partition(":")[0] for line in last] == ["host", "port", "login", "password"]
    assert last[0] == "host: 127.0.0.1"
    assert re.fullmatch(r"port: \d+", last[1])
    assert "  < +OK popbridge ready" in done.stdout
    assert "  > RETR 20" in done.stdout
    password = last[3].removeprefix("password: ")
    assert f"PASS {password}" not in done.stdout
    assert "listing the accounts" in done.stderr
