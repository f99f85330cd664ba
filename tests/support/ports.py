"""Free ports on loopback, and waiting until somebody answers there."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator


def free_ports(count: int) -> list[int]:
    """Give `count` different ports that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(seconds: float, pause: float = 0.02) -> Iterator[None]:
    """Yield again and again until `seconds` are over: `for _ in until(20): …return`, then fail behind it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)


def wait_until(ready: Callable[[], bool], seconds: float, what: str, pause: float = 0.02) -> None:
    """Return once `ready()` is true; raise TimeoutError naming `what` when it is not within `seconds`.

    `pause` is the time between two tries: a longer one for what is dear to ask.
    """
    for _ in until(seconds, pause):
        if ready():
            return
    raise TimeoutError(f"{what}: not within {seconds:g} s")


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
