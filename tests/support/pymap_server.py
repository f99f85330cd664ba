"""pymap as a second reference upstream: another author's reading of IMAP, in memory."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.certificates import Certificate
from tests.support.imap_reference import ReferenceUpstream
from tests.support.ports import answers, free_ports, wait_until

FRESH = 1000
"""How many users `fresh_user` can give."""

# pymap's own options know one user, and a slow hash: a tenth of a second for each sign-in.
_START = f"""
from pymap.backend.dict import Config, DictBackend, Identity, UserMetadata
from pymap.main import main
from pysasl.hashing import Cleartext

async def add_users(config, login):
    for name in (config.demo_user, *(f"fresh{{n}}" for n in range({FRESH}))):
        user = UserMetadata(config, name, password=config.demo_password)
        await Identity(name, login, None, frozenset()).set(user)

Config._get_hash_context = staticmethod(lambda options: Cleartext())
DictBackend._add_demo_user = staticmethod(add_users)
main()
"""


class PymapServer(ReferenceUpstream):
    """`with PymapServer(tmp_path) as p:` a running server; `demo_data` fills it with pymap's own mail.

    With a certificate it offers STARTTLS; else it knows no TLS.
    """

    def __init__(
        self,
        directory: Path,
        user: str = "anna",
        password: str = "anna-secret",
        demo_data: bool = False,
        certificate: Certificate | None = None,
    ) -> None:
        self.users = {user: password} | {f"fresh{n}": password for n in range(FRESH)}
        self._fresh = iter(range(FRESH))
        [self.imap_port] = free_ports(1)
        self._output = directory / "pymap.log"
        tls = ["--cert", str(certificate.certificate), "--key", str(certificate.key)] if certificate else ["--no-tls"]
        self._command = [
            *(sys.executable, "-W", "ignore", "-c", _START),
            *("--host", self.host, "--port", str(self.imap_port), *tls, "--no-service", "admin"),
            *("dict", "--demo-user", user, "--demo-password", password),
            *(["--demo-data"] if demo_data else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def fresh_user(self) -> str:
        """Give a user whose mailboxes are empty and whom nobody else was given."""
        return f"fresh{next(self._fresh)}"

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
