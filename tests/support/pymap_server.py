"""pymap as a second reference upstream: another author's reading of IMAP, in memory, one user."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.imap_reference import ReferenceUpstream
from tests.support.ports import answers, free_ports, wait_until


class PymapServer(ReferenceUpstream):
    """`with PymapServer(tmp_path) as p:` a running server without TLS; `demo_data` fills it with pymap's own mail."""

    def __init__(self, directory: Path, user: str = "anna", password: str = "anna-secret", demo_data: bool = False):
        self.users = {user: password}
        [self.imap_port] = free_ports(1)
        self._output = directory / "pymap.log"
        self._command = [
            *(sys.executable, "-W", "ignore", "-c", "from pymap.main import main; main()"),
            *("--host", self.host, "--port", str(self.imap_port), "--no-tls", "--no-service", "admin"),
            *("dict", "--demo-user", user, "--demo-password", password),
            *(["--demo-data"] if demo_data else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_until(self._ready, 30, "pymap's port")
        return self

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"pymap ended:\n{self._output.read_text(errors='replace')}")
        return answers(self.imap_port)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
