"""What a connection offers just now, and the capability list that says so."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.pop3.states import State

IN_CLEAR = frozenset({"PLAIN", "LOGIN"})
"""Mechanisms that send the password itself."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is offered on this connection, before or after TLS.

    `tls`: STLS is offered now. `passwords`: a password may be sent here, so that mechanisms that send it are offered,
    and USER and PASS where PLAIN is. `mechanisms`: those that there are, `apop` whether APOP is one of them.
    `expire`: EXPIRE's argument (RFC 2449 §6.7): "NEVER", or days, and behind them "USER" where another number may be
    told after the login. `login_delay`: in seconds. None: not told.
    """

    tls: bool
    passwords: bool
    expire: str | None = "NEVER"
    implementation: str = "popbridge"
    login_delay: int | None = None
    mechanisms: tuple[str, ...] = ("PLAIN",)
    apop: bool = False

    @property
    def offered(self) -> tuple[str, ...]:
        """The mechanisms that may be used now."""
        return tuple(each for each in self.mechanisms if self.passwords or each not in IN_CLEAR)

    @property
    def user(self) -> bool:
        """USER and PASS may be used now."""
        return "PLAIN" in self.offered

    @property
    def after_tls(self) -> bool:
        """What sends a password may be used once TLS is up."""
        return self.tls and not IN_CLEAR.isdisjoint(self.mechanisms)


def capabilities(features: Features, state: State) -> Iterator[bytes]:
    """Give the lines of CAPA's answer, without their ends (RFC 2449 §6).

    What can be used before the login is told in both states, as RFC 2449 §5 asks. IMPLEMENTATION is told only to a
    device that has logged in, as RFC 2449 §6.9 allows: a stranger need not know what runs here.
    """
    yield from (b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING")
    if features.expire is not None:
        yield b"EXPIRE " + features.expire.encode("ascii")
    if features.login_delay is not None:
        yield b"LOGIN-DELAY %d" % features.login_delay
    if features.user:
        yield b"USER"
    if features.offered:
        yield " ".join(("SASL", *features.offered)).encode("ascii")
    if features.tls:
        yield b"STLS"
    if state is not State.AUTHORIZATION:
        yield b"IMPLEMENTATION " + features.implementation.encode("ascii")
