"""When the certificates that devices are shown end: told in `status`, and in the log once a day."""

from collections.abc import Callable, Iterable
from typing import Any

import trio

from bridge.net import Listener, NetError
from bridge.net.certificates import DAY, ShownCertificate, shown_certificates
from bridge.telemetry import get_logger

log = get_logger("serve")


class Expiry:
    """Knows the certificates of listeners as they were when they were last read. `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._shown: dict[Listener, list[ShownCertificate]] = {}

    def read(self, listeners: Iterable[Listener]) -> None:
        """Read what the listeners show from now on."""
        self._shown = {listener: _read(listener) for listener in listeners}

    def facts(self, listener: Listener) -> list[dict[str, Any]]:
        """Give a listener's certificates for `status`."""
        return [
            {
                "file": one.file,
                "kind": one.kind,
                "names": list(one.names),
                "ends": one.ends,
                "problem": one.problem(self._now()),
            }
            for one in self._shown.get(listener, ())
        ]

    def tell(self) -> None:
        """Write a line for each certificate that devices will not accept, or soon will not."""
        every = dict.fromkeys(one for shown in self._shown.values() for one in shown)
        for one in every:
            if problem := one.problem(self._now()):
                level = "warning" if one.begins <= self._now() < one.ends else "error"
                getattr(log, level)("certificate.ending", certificate=one.file, problem=problem)

    async def run(self) -> None:
        """Tell once a day, until cancelled."""
        while True:
            self.tell()
            await trio.sleep(DAY)


def _read(listener: Listener) -> list[ShownCertificate]:
    if listener.tls is None:
        return []
    try:
        return shown_certificates(listener.settings)
    except NetError:  # what OpenSSL takes and cryptography does not: then nothing is known of it
        return []
