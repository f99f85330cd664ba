"""How a device signs in: USER and PASS, APOP, and AUTH with each mechanism's challenges and responses."""

import binascii
from collections.abc import Iterable

from bridge.model.secret import Secret
from bridge.pop3.answering import Answering
from bridge.pop3.commands import MECHANISM, Apop, Auth
from bridge.pop3.events import AskSalt, CloseReason, Login, Prove, Proven, Request
from bridge.pop3.features import Features
from bridge.pop3.reader import LineReader, response_limit
from bridge.pop3.replies import challenge_line, error_line, ok_line
from bridge.pop3.states import State
from bridge.sasl import (
    SERVERS,
    Challenge,
    DigestProof,
    Done,
    Exchange,
    Password,
    SaltWanted,
    SaslError,
    ScramProof,
    ScramServer,
    SignInAsOther,
)

MAX_BAD_BEFORE_LOGIN = 10
"""Bad commands in a row before a login: ours; a device's probing stays well below."""

MAX_BAD_AFTER_LOGIN = 20
"""Bad commands in a row after a login: what Dovecot allows, so what devices have met."""


class SigningIn(Answering):
    """A connection's part before the login. `timestamps` are challenges for APOP and CRAM-MD5, a fresh one each."""

    def __init__(self, features: Features, timestamps: Iterable[bytes]) -> None:
        super().__init__()
        self._features = features
        self._timestamps = iter(timestamps)
        self._greeted = b""
        self._reader = LineReader()
        self._name: str | None = None
        self._mechanism = ""
        self._exchange: Exchange | None = None
        self._limit = 0  # octets of the response that is due, 0 when none is
        self._bad = 0

    def greet(self, text: str = "popbridge ready") -> None:
        """Queue the greeting (RFC 1939 §4), with a timestamp where APOP is offered (RFC 1939 §7)."""
        if self._features.apop:
            self._greeted = next(self._timestamps)
            text = f"{text} {self._greeted.decode('ascii')}"
        super().greet(text)

    def salted(self, salt: bytes, rounds: int, nonce: str) -> None:
        """Answer AskSalt. `nonce` is printable, without commas, and new each time (RFC 5802 §5.1)."""
        self._claim(AskSalt)
        self._challenge(self._scram.salted(salt, rounds, nonce))

    def proven(self, signature: bytes) -> None:
        """Answer a right proof of SCRAM with that of this side; the device's word that it is content is Proven."""
        self._claim(Prove)
        self._challenge(self._scram.proven(signature))

    @property
    def _scram(self) -> ScramServer:
        assert isinstance(self._exchange, ScramServer), "that is for SCRAM alone"
        return self._exchange

    def _user(self, name: str) -> None:
        if "PLAIN" not in self._features.mechanisms:
            self._bad_command("USER is not offered here")
            return
        if not self._features.user:
            self._no_passwords()
            return
        self._name = name
        self._fine("send PASS")

    def _pass(self, password: Secret) -> Request | None:
        if self._name is None:
            self._bad_command("USER comes first")
            return None
        name, self._name = self._name, None  # after a wrong password USER comes first again
        return self._asked(Login(name, password, "USER"))

    def _apop(self, command: Apop) -> Request | None:
        if not self._greeted:
            self._bad_command("APOP is not offered here")
            return None
        return self._asked(Prove(DigestProof(command.name, "apop", self._greeted, command.digest)))

    def _auth(self, command: Auth) -> Request | None:
        if command.mechanism not in self._features.offered:
            self._not_offered(command.mechanism)
            return None
        self._mechanism = command.mechanism
        self._exchange = exchange = SERVERS[command.mechanism](self._next_timestamp(command.mechanism))
        if command.initial is None:
            self._challenge(exchange.first)
        elif not exchange.initial:
            self._bad_command(f"{command.mechanism} takes no initial response")
        else:
            return self._response(b"" if command.initial == b"=" else command.initial)
        return None

    def _next_timestamp(self, mechanism: str) -> bytes:
        return next(self._timestamps) if mechanism == "CRAM-MD5" else b""

    def _not_offered(self, mechanism: str) -> None:
        if mechanism in self._features.mechanisms:
            self._no_passwords()
        else:
            self._bad_command(MECHANISM.text, counts=MECHANISM.counts)

    def _challenge(self, challenge: Challenge) -> None:
        self._limit = response_limit(self._mechanism.encode("ascii"))
        self._out.append(challenge_line(challenge.octets))

    def _response(self, line: bytes) -> Request | None:
        """Read the response to a challenge: any line is one, even if it looks like a command (RFC 5034 §4)."""
        encoded = line.strip(b" \t")
        if encoded == b"*":
            self._out.append(error_line("authentication cancelled"))
            return None
        assert self._exchange is not None, "AUTH comes first"
        try:
            step = self._exchange.respond(binascii.a2b_base64(encoded, strict_mode=True))
        except SignInAsOther:
            self._bad_command("signing in as someone else is not possible")
            return None
        except (binascii.Error, SaslError):
            self._bad_command(f"that is not a {self._mechanism} response")
            return None
        match step:
            case Challenge():
                self._challenge(step)
                return None
            case Password(login, password):
                return self._asked(Login(login, password, "LOGIN" if self._mechanism == "LOGIN" else "PLAIN"))
            case SaltWanted(login, hash_):
                return self._asked(AskSalt(login, hash_))
            case DigestProof() | ScramProof():
                return self._asked(Prove(step))
            case Done():
                return self._asked(Proven())

    def _no_passwords(self) -> None:
        offered = self._features.after_tls
        self._bad_command("use STLS first" if offered else "passwords are not taken on this connection")

    def _asked(self, request: Request) -> Request:
        self._bad = 0
        return request

    def _fine(self, text: str = "") -> None:
        self._bad = 0
        self._out.append(ok_line(text))

    def _bad_command(self, text: str, *, counts: bool = True) -> None:
        self._bad += counts
        limit = MAX_BAD_BEFORE_LOGIN if self._state is State.AUTHORIZATION else MAX_BAD_AFTER_LOGIN
        if self._bad >= limit:
            self._give_up("too many bad commands", "too many bad commands")
        else:
            self._out.append(error_line(text))

    def _give_up(self, text: str, reason: CloseReason) -> None:
        self._out.append(error_line(text))
        self._reader.clear()
        self._finish(reason)
