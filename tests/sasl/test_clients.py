"""Signing in by each mechanism, as the RFCs' examples have it, and against servers that do it wrongly."""

import contextlib
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.secret import Secret
from bridge.sasl import (
    BearerProblem,
    Conversation,
    CramMd5,
    OAuthBearer,
    Plain,
    SaslError,
    ScramClient,
    ServerUnproven,
    XOAuth2,
)
from bridge.sasl.bearer import read_problem
from tests.sasl.test_scram import EXAMPLES, Example

TOKEN = Secret("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
PENCIL = Secret("pencil")


def scram(example: Example, password: Secret = PENCIL) -> ScramClient:
    """Begin the exchange of an example."""
    return ScramClient(example.hash, "user", password, example.first_bare.partition("r=")[2])


def final(example: Example) -> bytes:
    """Give the client's last message in an example."""
    return f"{example.final_without_proof},p={example.proof}".encode()


each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.hash)


class TestScram:
    """RFC 5802 §5, RFC 7677 §3."""

    @each
    def test_the_examples(self, example: Example) -> None:
        client = scram(example)
        assert client.name == f"SCRAM-{example.hash}"
        assert client.initial() == b"n,," + example.first_bare.encode()
        assert not client.tested
        assert not client.slow(example.server_first.encode())
        assert client.answer(example.server_first.encode()) == final(example)
        assert client.tested
        assert client.answer(f"v={example.signature}".encode()) == b""
        client.succeeded()

    @each
    def test_a_server_that_does_not_know_the_password(self, example: Example) -> None:
        for signature in (example.proof, "", example.signature[:-4] + "AAA="):
            client = scram(example)
            client.answer(example.server_first.encode())
            with pytest.raises(ServerUnproven):
                client.answer(f"v={signature}".encode())
            with pytest.raises(ServerUnproven):
                client.succeeded()

    @each
    def test_a_server_that_shows_nothing(self, example: Example) -> None:
        client = scram(example)
        with pytest.raises(ServerUnproven):
            client.succeeded()
        client.answer(example.server_first.encode())
        with pytest.raises(ServerUnproven):
            client.succeeded()

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"r=fyko+d2lbbFgONRv9qkxdawLx",
            b"s=QSXCR+Q6sek8bf92,r=fyko+d2lbbFgONRv9qkxdawLx,i=4096",
            b"m=x,r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096,m=x",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=?,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=0",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=-1",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096x",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=10000001",
            b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=\xff",
            b"r=fyko+d2lbbFgONRv9qkxdawL \x01,s=QSXCR+Q6sek8bf92,i=4096",
            b"e=unknown-user",
        ],
    )
    def test_first_messages_that_are_none(self, message: bytes) -> None:
        client = scram(EXAMPLES[0])
        with pytest.raises(SaslError):
            client.answer(message)
        assert not client.tested

    @pytest.mark.parametrize("nonce", ["", "fyko+d2lbbFgONRv9qkxdawL", "another", "xfyko+d2lbbFgONRv9qkxdawL"])
    def test_a_nonce_of_somebody_else(self, nonce: str) -> None:
        with pytest.raises(ServerUnproven):
            scram(EXAMPLES[0]).answer(f"r={nonce},s=QSXCR+Q6sek8bf92,i=4096".encode())

    @pytest.mark.parametrize("message", [b"", b"x=1", b"v"])
    def test_last_messages_that_are_none(self, message: bytes) -> None:
        client = scram(EXAMPLES[0])
        client.answer(EXAMPLES[0].server_first.encode())
        with pytest.raises(SaslError):
            client.answer(message)

    def test_nothing_follows_the_last_message(self) -> None:
        client = scram(EXAMPLES[0])
        client.answer(EXAMPLES[0].server_first.encode())
        client.answer(f"v={EXAMPLES[0].signature}".encode())
        with pytest.raises(SaslError):
            client.answer(f"v={EXAMPLES[0].signature}".encode())

    def test_many_rounds_are_told_before_they_are_made(self) -> None:
        assert scram(EXAMPLES[0]).slow(b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=600000")


class TestCramMd5:
    """RFC 2195 §2."""

    CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"

    def test_the_example(self) -> None:
        client = CramMd5("tim", Secret("tanstaaftanstaaf"))
        assert Conversation.initial(client) is None
        assert not client.tested
        assert client.answer(self.CHALLENGE) == b"tim b913a602c7eda7a495b4e6e7334d3890"
        assert client.tested
        client.succeeded()

    def test_challenges_that_are_none(self) -> None:
        client = CramMd5("tim", Secret("tanstaaftanstaaf"))
        with pytest.raises(SaslError):
            client.answer(b"")
        client.answer(self.CHALLENGE)
        with pytest.raises(SaslError):
            client.answer(self.CHALLENGE)


class TestBearer:
    """RFC 7628 §4, and the example of Google's documentation."""

    RFC = (
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52"
        "YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )
    GOOGLE = (
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0"
        "Q2cBAQ=="
    )
    REFUSAL = "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K"

    def test_the_examples(self) -> None:
        first = OAuthBearer("user@example.com", TOKEN, "server.example.com", 143).initial()
        assert b64encode(first).decode() == self.RFC
        token = Secret("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
        assert b64encode(XOAuth2("someuser@example.com", token).initial()).decode() == self.GOOGLE

    def test_a_user_is_spelled_as_each_has_it(self) -> None:
        assert OAuthBearer("a,b=c", TOKEN, "h", 1).initial().startswith(b"n,a=a=2Cb=3Dc,\x01host=h\x01port=1\x01auth=")
        assert XOAuth2("a,b=c", TOKEN).initial().startswith(b"user=a,b=c\x01auth=")

    @pytest.mark.parametrize(
        ("client", "answer"),
        [(OAuthBearer("user", TOKEN, "h", 1), b"\x01"), (XOAuth2("user", TOKEN), b"")],
        ids=["OAUTHBEARER", "XOAUTH2"],
    )
    def test_a_refusal_is_read_and_ended(self, client: OAuthBearer | XOAuth2, answer: bytes) -> None:
        assert client.answer(b64decode(self.REFUSAL)) == answer
        assert client.problem == BearerProblem("401", "bearer mac", "https://mail.google.com/")
        with pytest.raises(SaslError):
            client.answer(b64decode(self.REFUSAL))

    @pytest.mark.parametrize(
        ("challenge", "problem"),
        [
            (b'{"status":"invalid_token","scope":"mail","openid-configuration":"x"}', ("invalid_token", "", "mail")),
            (b'{"status":400}', ("400", "", "")),
            (b'{"status":{"a":1},"schemes":["Bearer"],"scope":null}', ("", "", "")),
            (b'{"status":"a\\r\\nb\\u0000\\u001bc"}', ("a b c", "", "")),
            (b'{"status":"' + b"x" * 5000 + b'"}', ("x" * 200, "", "")),
            (b"[]", ("", "", "")),
            (b"no JSON", ("", "", "")),
            (b"\xff", ("", "", "")),
            (b"[" * 100_000, ("", "", "")),
            (b"", ("", "", "")),
        ],
    )
    def test_refusals(self, challenge: bytes, problem: tuple[str, str, str]) -> None:
        assert read_problem(challenge) == BearerProblem(*problem)

    @given(st.binary())
    def test_any_refusal(self, challenge: bytes) -> None:
        assert all(word.isprintable() for word in (read_problem(challenge).status, read_problem(challenge).scope))

    @pytest.mark.parametrize(
        ("user", "token"),
        [
            ("", "t"),
            ("u", ""),
            ("u\x01", "t"),
            ("u\0", "t"),
            ("u", "a b"),
            ("u", "a\x01auth"),
            ("u", "ä"),
            ("u", "a\n"),
        ],
    )
    def test_what_cannot_be_sent(self, user: str, token: str) -> None:
        for make in (lambda: OAuthBearer(user, Secret(token), "h", 1), lambda: XOAuth2(user, Secret(token))):
            with pytest.raises(SaslError):
                make()


def conversations() -> list[Conversation]:
    """One of each, for `user` with a secret that is to be seen nowhere."""
    secret = Secret("geheim")
    return [
        Plain("user", secret),
        CramMd5("user", secret),
        OAuthBearer("user", secret, "h", 1),
        XOAuth2("user", secret),
        ScramClient("SHA-256", "user", secret, "nonce"),
    ]


def test_no_secret_is_shown() -> None:
    assert not [one for one in conversations() if "geheim" in f"{one!r}{one!s}"]


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_challenges(challenges: list[bytes]) -> None:
    for one in conversations():
        answers(one, challenges)


def answers(one: Conversation, challenges: list[bytes]) -> None:
    """Answer as far as the mechanism goes; nothing else than its own failure may be raised."""
    with contextlib.suppress(SaslError):
        for challenge in challenges:
            one.slow(challenge)
            one.answer(challenge)


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("x", ""), ("\a", "x"), ("x", "\a")])
def test_what_scram_cannot_carry(user: str, password: str) -> None:
    with pytest.raises(SaslError):
        ScramClient("SHA-1", user, Secret(password), "nonce")
