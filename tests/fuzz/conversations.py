"""Targets: what a server says while we sign in. Whoever adds a mechanism to `bridge.sasl` adds it to `MECHANISMS`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote_plus

from bridge.model.secret import Secret
from bridge.oauth.answers import NoMeaning, error_of, granted, passing, quoted
from bridge.oauth.browser import Asking, NotOurs
from bridge.oauth.device import device_code_of
from bridge.oauth.http import Answer
from bridge.oauth.loopback import judge
from bridge.sasl import (
    SERVERS,
    Conversation,
    CramMd5,
    DigestProof,
    Done,
    Exchange,
    OAuthBearer,
    Password,
    Plain,
    SaltWanted,
    SaslError,
    ScramClient,
    ScramProof,
    ScramServer,
    XOAuth2,
    digest_proves,
    scram_signature,
)
from bridge.sasl.scram import scram_keys
from bridge.sasl.serving import Step

PASSWORD = Secret("pencil")
NONCE = "fyko+d2lbbFgONRv9qkxdawL"
"""The one of RFC 5802 §5, so that its messages are answered."""

MECHANISMS: Mapping[str, Callable[[], Conversation]] = {
    "PLAIN": lambda: Plain("user", PASSWORD),
    "SCRAM-SHA-1": lambda: ScramClient("SHA-1", "user", PASSWORD, NONCE),
    "SCRAM-SHA-256": lambda: ScramClient("SHA-256", "user", PASSWORD, NONCE),
    "CRAM-MD5": lambda: CramMd5("user", PASSWORD),
    "OAUTHBEARER": lambda: OAuthBearer("user", PASSWORD, "server.example.com", 143),
    "XOAUTH2": lambda: XOAuth2("user", PASSWORD),
}

TIMESTAMP = b"<1896.697170952@postoffice.reston.mci.net>"
KEYS = scram_keys("SHA-256", bytes(32))

STEPS = 4
"""Challenges of one exchange: none of these mechanisms has more than two."""


def challenges(octets: bytes) -> None:
    """A server challenges with these, one a line: each is answered or refused, and no answer shows the password."""
    for begin in MECHANISMS.values():
        talk = begin()
        talk.initial()
        with suppress(SaslError):
            for challenge in octets.split(b"\n")[:STEPS]:
                if not talk.slow(challenge):
                    answer = talk.answer(challenge)
                    assert PASSWORD.reveal().encode() not in answer
            talk.succeeded()
        assert PASSWORD.reveal() not in repr(talk)


def responses(octets: bytes) -> None:
    """A device responds with these, one a line, to each mechanism that a listener may offer: it is asked on, judged, or
    refused, and nothing shows what it said.
    """
    for begin in SERVERS.values():
        exchange = begin(TIMESTAMP)
        with suppress(SaslError):
            for response in octets.split(b"\n")[:STEPS]:
                if _over(exchange, exchange.respond(response)):
                    break


def _over(exchange: Exchange, step: Step) -> bool:
    """Take a step as a session does; tells whether it was the last."""
    match step:
        case SaltWanted():
            assert isinstance(exchange, ScramServer)
            exchange.salted(b"salt", 4096, "nonce")
        case ScramProof():
            assert isinstance(exchange, ScramServer)
            assert scram_signature(step, KEYS) is None, "a proof was right without the password"
            exchange.proven(b"signature")
        case DigestProof():
            digest_proves(step, PASSWORD)
            return True
        case Password():
            assert "Secret(…)" in repr(step)
            return True
        case _:
            return isinstance(step, Done)
    return False


def tokens(octets: bytes) -> None:
    """An authorization server answers these, as JSON and as a form: tokens, a reason, or an answer without meaning."""
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        for status in (200, 400):
            answer = Answer(status, kind, octets, 0.0)
            error, words = error_of(answer)
            assert quoted(error, words, [PASSWORD]).isprintable()
            passing(answer, error)
            with suppress(NoMeaning):
                found = granted(answer, 1000.0)
                assert found.tokens.access.reveal().isprintable()
                assert found.tokens.expires_at < 1000.0 + 367 * 86_400
            with suppress(NoMeaning):
                code = device_code_of(answer)
                assert f"{code.user_code}{code.uri}{code.complete}".isprintable()
                assert 0 < code.seconds <= 3600
                assert 0 < code.interval <= 60


ASKING = Asking("http://127.0.0.1:5", Secret("the-state"), Secret("the-verifier"))


def redirects(octets: bytes) -> None:
    """A browser says these to the port that it is sent back to, and somebody pastes them: only our answer is taken."""
    status, words, back = judge(octets, "/", lambda query: ASKING.came_back(query, ""))
    assert (back is not None) == status.startswith("200")
    assert words.isprintable()
    text = octets.decode("utf-8", "replace")
    assert back is None or "state=the-state" in unquote_plus(text)
    with suppress(NotOurs):
        ASKING.pasted(text, "https://login.example.org")


REDIRECTS: Sequence[bytes] = (
    b"GET /?code=c-1&state=the-state HTTP/1.1\r\nHost: 127.0.0.1:5\r\n\r\n",
    b"GET /?error=access_denied&error_description=no&state=the-state HTTP/1.1\r\n\r\n",
    b"GET /favicon.ico HTTP/1.0\r\n\r\n",
    b"http://127.0.0.1:5/?code=c-1&state=the-state&iss=https://login.example.org",
    b"c-1",
)


def _lines(*lines: bytes) -> bytes:
    return b"\n".join(lines)


RESPONSES: Sequence[bytes] = (
    # RFC 4616 §4, RFC 2195 §2
    b"\0tim\0tanstaaftanstaaf",
    b"tim b913a602c7eda7a495b4e6e7334d3890",
    b"tim\ntanstaaftanstaaf",
    # RFC 5802 §5, as it would be with the nonce that this side adds
    _lines(
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawLnonce,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"",
    ),
    _lines(b"y,a=user,n=us=2Cer,r=x,m=y", b"c=eSxhPXVzZXIs,r=xnonce,p=AAAA"),
)

CHALLENGES: Sequence[bytes] = (
    # RFC 5802 §5
    _lines(
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677 §3, with the nonce above
    _lines(
        b"r=fyko+d2lbbFgONRv9qkxdawL%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
    b"e=unknown-user",
    # RFC 2195 §2
    b"<1896.697170952@postoffice.reston.mci.net>",
    # RFC 7628 §4.3
    b'{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/x"}',
    b'{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}',
    b"",
)

ANSWERS: Sequence[bytes] = (
    # RFC 6749 §5.1, §5.2
    b'{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"refresh_token":"tGzv3JOkF0XG5"}',
    b'{"error":"invalid_request","error_description":"a word of the server\'s"}',
    # RFC 8628 §3.2
    b'{"device_code":"GmRhmhcxhwAzkoEqiMEg","user_code":"WDJB-MJHT","verification_uri":"https://x.example/d","expires_in":1800}',
    b"access_token=e72e16c7e42f292c6912e7710c838347ae178b4a&scope=user%2Cgist&token_type=bearer",
    b'{"access_token":"a","token_type":"bearer","id_token":"e30.eyJlbWFpbCI6ImEifQ.x"}',
)
