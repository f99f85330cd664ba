"""`openssl s_client`: a device whose TLS is as old as one likes."""

import re
import shutil
from dataclasses import dataclass
from functools import partial

import pytest
import trio

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@dataclass(frozen=True)
class Heard:
    """What a device came to with its server: version and cipher, empty where it came to none, and what it was told."""

    version: str
    cipher: str
    said: str
    problem: str = ""

    @property
    def tls(self) -> str:
        """As the log has it."""
        return f"{self.version}/{self.cipher}"


async def s_client(address: str, *arguments: str, say: str = "QUIT\r\n") -> Heard:
    """Connect, without SNI and with whatever this OpenSSL still has, say all at once, and hear until the end."""
    command = ["openssl", "s_client", "-connect", address, "-brief", "-ign_eof", "-noservername", *arguments]
    with trio.fail_after(30):
        run = partial(trio.run_process, stdin=say.encode(), capture_stdout=True, capture_stderr=True, check=False)
        done = await run(command)
    told, said = done.stderr.decode(), done.stdout.decode("latin-1")
    return Heard(_found("Protocol version: (.*)", told), _found("Ciphersuite: (.*)", told), said, told)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
