"""popbridge itself as a process, run and watched as an admin's service manager would."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.leaks import found_in, process_leaks, secrets_of
from tests.support.ports import wait_until

POPBRIDGE = Path(sys.executable).with_name("popbridge")
"""The command beside the Python that runs the tests: the one under test, installed from source or from a wheel."""

_LISTENING = re.compile(r"^listening address=\[?([^\s\]]+)\]?:(\d+) tls=(\w+)", re.MULTILINE)
_READY = re.compile(r"^ready listeners=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Door:
    """One listener as `serve` announced it."""

    host: str
    port: int
    tls: str


def popbridge(*arguments: str, config: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of popbridge to its end. It must not tell a secret of its config."""
    command = [str(POPBRIDGE), *arguments, *(["--config", str(config)] if config else [])]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
    leaked = found_in(done.stdout + done.stderr, secrets_of(config)) if config else []
    assert not leaked, f"popbridge {' '.join(arguments)} tells {leaked}"
    return done


class BridgeProcess:
    """`with BridgeProcess(config) as bridge:` a `popbridge serve` that is ready. Its stderr goes to `bridge.log`."""

    def __init__(self, config: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
        self.config = config
        self._arguments = arguments
        self._environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._stderr = config.with_name("serve.log")
        self._began = 0
        self.doors: list[Door] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        command_line = self._command_line()
        self.kill()
        if error is None:
            written = self._stderr.read_text(errors="replace") if self._stderr.exists() else ""
            assert process_leaks(self.config, written, command_line) == []

    def _command_line(self) -> str:
        """Give what anybody on the machine can read of it in the list of processes."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""  # it has ended

    @property
    def log(self) -> str:
        """Give what this process wrote to stderr so far, since its latest start."""
        return self._stderr.read_bytes()[self._began :].decode(errors="replace") if self._stderr.exists() else ""

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 30) -> None:
        """Start and return once `ready listeners=N` was said; `doors` then holds the listeners in their order."""
        self._began = self._stderr.stat().st_size if self._stderr.exists() else 0
        with self._stderr.open("ab") as out:
            self._process = subprocess.Popen(
                [str(POPBRIDGE), "serve", "--config", str(self.config), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environ,
            )
        try:
            wait_until(self._ready, seconds, "popbridge's ready line")
        except TimeoutError as late:
            self.kill()
            raise RuntimeError(f"popbridge is not ready:\n{self.log}") from late
        self.doors = [Door(host, int(port), tls) for host, port, tls in _LISTENING.findall(self.log)]

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"popbridge ended with {self._process.returncode}:\n{self.log}")
        return _READY.search(self.log) is not None

    def door(self, tls: str = "none") -> Door:
        """Give the first listener with this kind of TLS."""
        return next(door for door in self.doors if door.tls == tls)

    def stop(self, seconds: float = 30) -> int:
        """Ask it to end with SIGTERM and give its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def reload(self) -> None:
        """Ask it to read its config again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it at once, as a crash would; nothing happens when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def resident(self) -> int:
        """Give its resident memory in octets."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def status(self) -> dict[str, Any]:
        """Give what `popbridge status --json` says."""
        done = popbridge("status", "--json", config=self.config)
        assert done.returncode == 0, done.stderr
        parsed: dict[str, Any] = json.loads(done.stdout)
        return parsed

    def wait_for_log(self, pattern: str, seconds: float = 20) -> str:
        """Return the first log line that the pattern is found in; raise TimeoutError when none comes."""
        found: list[str] = []

        def seen() -> bool:
            found.extend(line for line in self.log.splitlines() if re.search(pattern, line))
            return bool(found)

        wait_until(seen, seconds, f"a log line with {pattern!r}")
        return found[0]


def settle(moment: float = 1.0) -> None:
    """Let time pass where the clock itself is what a promise speaks of (`delivered 1 s before login`)."""
    time.sleep(moment)
