"""What a connection offers just now, and the capability list that says so."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.pop3.states import State

MECHANISMS = (b"PLAIN",)


@dataclass(frozen=True, slots=True)
class Features:
    """What is offered on this connection, before or after TLS.

    `tls`: STLS is offered now. `passwords`: USER, PASS and AUTH PLAIN are offered, as a password may be sent here.
    `expire`: EXPIRE's argument (RFC 2449 §6.7): "NEVER", or days, and behind them "USER" where another number may be
    told after the login. `login_delay`: in seconds. None: not told.
    """

    tls: bool
    passwords: bool
    expire: str | None = "NEVER"
    implementation: str = "popbridge"
    login_delay: int | None = None


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
    if features.passwords:
        yield b"USER"
        yield b" ".join((b"SASL", *MECHANISMS))
    if features.tls:
        yield b"STLS"
    if state is not State.AUTHORIZATION:
        yield b"IMPLEMENTATION " + features.implementation.encode("ascii")
