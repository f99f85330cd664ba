"""One life of the bridge, from its start to its SIGKILL."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from types import MappingProxyType

from tests.support.bridge_process import Door
from tests.support.ports import wait_until

ROOT = Path(__file__).parents[2]
NEVER = "never"


class Life:
    """A bridge that is killed when an instant comes for the n-th time.

    `start_up` is the time until it was ready, in seconds; 0 when it was killed before.
    """

    def __init__(self, config: Path, instant: str, times: int, environ: Mapping[str, str]) -> None:
        self._log = config.with_name("serve.log")
        self._log.write_bytes(b"")
        self.start_up = 0.0
        self._began = time.monotonic()
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.serving", str(config), instant, str(times)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **environ},
            )

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text(errors="replace")

    @property
    def over(self) -> bool:
        """True once it is dead."""
        return self._process.poll() is not None

    def door(self) -> Door | None:
        """Wait until it is ready; None when it was killed before."""
        wait_until(lambda: "\nready listeners=" in self.log or self.over, 30, "popbridge's ready line")
        if self.over:
            return None
        self.start_up = time.monotonic() - self._began
        [port] = re.findall(r"^listening address=127\.0\.0\.1:(\d+)", self.log, re.MULTILINE)
        return Door("127.0.0.1", int(port), "none")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def buried(self) -> None:
        """Be sure that it ended by SIGKILL, whoever sent it."""
        self.kill()
        assert self._process.wait(30) == -signal.SIGKILL, self.log


@contextmanager
def life(
    config: Path,
    instant: str = NEVER,
    times: int = 0,
    after: float = 0,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Life]:
    """Run one life, ended by SIGKILL at the latest behind the block, or `after` so many seconds."""
    one = Life(config, instant, times, environ)
    timer = Timer(after, one.kill)
    if after:
        timer.start()
    try:
        yield one
    finally:
        timer.cancel()
        one.buried()
