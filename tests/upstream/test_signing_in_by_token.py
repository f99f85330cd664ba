"""Tokens are given to a server by what it offers, another is had once where one is refused, and none is shown."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import trio

from bridge.model.failures import (
    SignInNeeded,
    UpstreamBroken,
    UpstreamError,
    UpstreamLoginFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.upstream import Account
from bridge.upstream.signin import SignIn
from tests.upstream.speaking import Play, Scripted, Told
from tests.upstream.test_mechanisms import SETTINGS

BY_TOKEN: AccountSettings = replace(
    SETTINGS, user="anna@example.org", password=Secret(""), oauth=OAuthSettings("custom", "device", "an id")
)
REFUSAL = '{"status":"401","schemes":"Bearer","scope":"https://mail.example.org/"}'
BOTH = "AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN SASL-IR"


@dataclass
class Source:
    """Gives the tokens named, one after the other, and notes which were refused."""

    tokens: list[str]
    refused: list[str] = field(default_factory=list)
    failure: UpstreamError | None = None

    async def token(self, refused: Secret | None = None) -> Secret:
        await trio.lowlevel.checkpoint()
        if refused is not None:
            self.refused.append(refused.reveal())
            self.tokens.pop(0)
        if self.failure is not None and (refused is not None or not self.tokens):
            raise self.failure
        return Secret(self.tokens[0])


def source(*tokens: str) -> Source:
    return Source(list(tokens))


@asynccontextmanager
async def scripted(offers: str, play: Play, tokens: Source) -> AsyncIterator[tuple[Scripted, SignIn]]:
    """Give a server that plays something, and what signs in to it by token."""
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, offers, play)
        yield server, SignIn(BY_TOKEN, 10, server.connect, tokens)
        nursery.cancel_scope.cancel()


def bearer(token: str) -> str:
    """Give OAUTHBEARER's message as it goes over the line."""
    text = f"n,a=anna@example.org,\x01host=mail.example.org\x01port=143\x01auth=Bearer {token}\x01\x01"
    return b64encode(text.encode()).decode()


async def takes_all(told: Told) -> None:
    """Take whatever comes."""
    await told.command()
    await told.say("{tag} OK come in")


def takes(*good: str) -> Play:
    """Take these tokens alone, by OAUTHBEARER."""

    async def play(told: Told) -> None:
        while (command := await told.command()) not in {f"AUTHENTICATE OAUTHBEARER {bearer(one)}" for one in good}:
            if not command:
                return
            assert await told.challenge(REFUSAL) == "\x01"
            await told.say("{tag} NO [AUTHENTICATIONFAILED] Authentication failed.")
        await told.say("{tag} OK come in")

    return play


class TestWays:
    @pytest.mark.parametrize(
        ("offers", "mechanism"),
        [
            (BOTH, "AUTHENTICATE OAUTHBEARER with an initial response"),
            ("AUTH=XOAUTH2 SASL-IR", "AUTHENTICATE XOAUTH2 with an initial response"),
        ],
    )
    async def test_by_what_the_server_offers(self, offers: str, mechanism: str) -> None:
        async with scripted(offers, takes_all, source("t1")) as (server, sign_in):
            await (await sign_in.link()).close()
            assert sign_in.mechanism == mechanism
        assert not [line for line in server.heard if "PLAIN" in line]

    async def test_without_sasl_ir(self) -> None:
        async def play(told: Told) -> None:
            assert await told.command() == "AUTHENTICATE XOAUTH2"
            assert await told.challenge("") == "user=anna@example.org\x01auth=Bearer t1\x01\x01"
            await told.say("{tag} OK come in")

        async with scripted("AUTH=XOAUTH2", play, source("t1")) as (_, sign_in):
            await (await sign_in.link()).close()

    async def test_a_token_too_long_for_a_line(self) -> None:
        long = "t" * 5000

        async def play(told: Told) -> None:
            assert await told.command() == "AUTHENTICATE OAUTHBEARER"
            assert long in await told.challenge("")
            await told.say("{tag} OK come in")

        async with scripted(BOTH, play, source(long)) as (_, sign_in):
            await (await sign_in.link()).close()

    async def test_one_that_is_not_carried_out(self) -> None:
        async def play(told: Told) -> None:
            while (command := await told.command()).startswith("AUTHENTICATE OAUTHBEARER"):
                await told.say("{tag} BAD what?")
            assert command.startswith("AUTHENTICATE XOAUTH2")
            await told.say("{tag} OK come in")

        async with scripted(BOTH, play, source("t1")) as (server, sign_in):
            for _ in range(2):
                await (await sign_in.link()).close()
        assert sum("OAUTHBEARER" in line for line in server.heard) == 1

    async def test_a_server_that_takes_none(self) -> None:
        async with scripted("AUTH=PLAIN AUTH=LOGIN", takes_all, source("t1")) as (server, sign_in):
            with pytest.raises(UpstreamRefused, match=r"takes no token .*but LOGIN, PLAIN"):
                await sign_in.link()
        assert not any(server.heard)


class TestRefused:
    async def test_another_is_had_once(self) -> None:
        tokens = source("t1", "t2")
        async with scripted(BOTH, takes("t2"), tokens) as (server, sign_in):
            await (await sign_in.link()).close()
        assert tokens.refused == ["t1"]
        assert len(server.connections) == 2

    async def test_two_are_enough(self) -> None:
        tokens = source("t1", "t2", "t3")
        async with scripted(BOTH, takes("t3"), tokens) as (server, sign_in):
            with pytest.raises(UpstreamLoginFailed) as failure:
                await sign_in.link()
            assert not sign_in.definite
        assert tokens.refused == ["t1"]
        assert len(server.connections) == 2
        assert str(failure.value) == (
            "account mail: the server does not take the token for anna@example.org: it says 401 and wants a token for"
            ' the scope https://mail.example.org/ ("Authentication failed.")'
        )

    async def test_what_may_mend_it_at_a_provider(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("{tag} NO AUTHENTICATE failed.")

        async with trio.open_nursery() as nursery:
            server = Scripted(nursery, "AUTH=XOAUTH2 SASL-IR", play)
            settings = replace(BY_TOKEN, provider="microsoft365")
            with pytest.raises(UpstreamLoginFailed) as failure:
                await SignIn(settings, 10, server.connect, source("t1", "t2")).link()
            nursery.cancel_scope.cancel()
        assert str(failure.value).endswith(
            '("AUTHENTICATE failed."); see that anna@example.org is whose mailbox was signed in to; IMAP is to be'
            " switched on in the Exchange admin center, for the mailbox, under Manage email apps settings"
        )

    async def test_not_now_is_no_refusal(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("{tag} NO [UNAVAILABLE] Maintenance")

        tokens = source("t1")
        async with scripted(BOTH, play, tokens) as (_, sign_in):
            with pytest.raises(UpstreamUnavailable, match="lets nobody in just now"):
                await sign_in.link()
        assert tokens.refused == []

    async def test_where_no_other_is_to_be_had(self) -> None:
        tokens = Source(["t1"], failure=SignInNeeded("mail", "account mail: sign in with `popbridge login mail`"))
        async with scripted(BOTH, takes("t2"), tokens) as (_, sign_in):
            with pytest.raises(SignInNeeded, match="popbridge login mail"):
                await sign_in.link()

    async def test_nothing_is_connected_without_a_token(self) -> None:
        tokens = Source([], failure=SignInNeeded("mail", "account mail: sign in with `popbridge login mail`"))
        async with scripted(BOTH, takes_all, tokens) as (server, sign_in):
            with pytest.raises(SignInNeeded):
                await sign_in.link()
        assert server.connections == []

    async def test_where_there_is_no_source_of_tokens(self) -> None:
        with pytest.raises(SignInNeeded, match="not to be had here"):
            await Account(BY_TOKEN, timeout=5).probe()

    @pytest.mark.parametrize("token", ["", "two words", "line\r\nA9 LOGOUT"])
    async def test_what_is_no_token(self, token: str) -> None:
        async with scripted(BOTH, takes_all, source(token)) as (server, sign_in):
            with pytest.raises(UpstreamLoginFailed):
                await sign_in.link()
        assert not any(server.heard)


class TestSecrets:
    @pytest.mark.parametrize("echo", ["bad token t0psecret here", f"no: {bearer('t0psecret')}", REFUSAL])
    async def test_a_server_that_repeats_it_is_not_quoted(self, echo: str) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.challenge(REFUSAL.replace("401", "t0psecret"))
            await told.say("{tag} NO " + echo)

        async with scripted(BOTH, play, source("t0psecret", "t0psecret")) as (_, sign_in):
            with pytest.raises(UpstreamLoginFailed) as failure:
                await sign_in.link()
        assert "t0psecret" not in str(failure.value)
        assert bearer("t0psecret") not in str(failure.value)

    async def test_nor_one_that_repeats_a_piece_of_it(self) -> None:
        long = "eyJhbGciOiJSUzI1NiIs" * 50

        async def play(told: Told) -> None:
            await told.command()
            await told.challenge(REFUSAL.replace("401", f"Bearer {long}"))
            await told.say(f"{{tag}} NO bad token {long[:30]}")

        async with scripted(BOTH, play, source(long, long)) as (_, sign_in):
            with pytest.raises(UpstreamLoginFailed) as failure:
                await sign_in.link()
        assert "eyJh" not in str(failure.value)

    async def test_nor_as_it_leaves(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say(f"* BYE what is {bearer('t0psecret')}?")
            await told.stream.aclose()

        async with scripted(BOTH, play, source("t0psecret")) as (_, sign_in):
            with pytest.raises(UpstreamUnavailable, match=r"closed the connection \(\"BYE\"\)"):
                await sign_in.link()

    async def test_a_signature_of_another_mechanism_ends_it(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            for _ in range(20):
                await told.challenge(REFUSAL)

        async with scripted(BOTH, play, source("t1")) as (_, sign_in):
            with pytest.raises(UpstreamBroken, match="has no end"):
                await sign_in.link()
