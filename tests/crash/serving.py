"""`python -m tests.crash.serving CONFIG INSTANT TIMES`: popbridge's `serve`, killed at an instant."""

import os
import signal
import sys
from pathlib import Path

from bridge.config import load
from bridge.serve.daemon import run_serve
from bridge.telemetry import set_instant_hook


def strike(instant: str, times: int) -> None:
    """Have this process killed when the instant comes for the n-th time; 0 is never."""
    left = times

    def hook(name: str) -> None:
        nonlocal left
        if name == instant:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    set_instant_hook(hook)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    strike(sys.argv[2], int(sys.argv[3]))
    sys.exit(run_serve(load(path, environ=os.environ), lambda: load(path, environ=os.environ), False))
