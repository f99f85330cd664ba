"""How passwords are given: to Dovecot, which has these mechanisms too, and to servers that do them wrongly."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamBroken, UpstreamLoginFailed, UpstreamRefused, UpstreamUnavailable
from bridge.model.names import AccountId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.sasl.scram import proves, salted_password, scram_keys, server_signature
from bridge.sasl.scram_client import QUICK_ROUNDS
from bridge.upstream.signin import SignIn
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.upstream.beds import Bed
from tests.upstream.speaking import Offering, Play, Scripted, Told

PASSWORD = "geheim, = ä"
SETTINGS = AccountSettings(AccountId("mail"), "mail", "mail.example.org", 143, "none", "anna", Secret(PASSWORD))
HASHED = "{SHA512-CRYPT}$6$abc$KAe1EsG/CXahwSWV6zRvGcvHNHOBHog/NbxuGWHm2YywqKzLbB9.dK.4PnOXUOn7LGTg7ouv6RItkzZ297N1o0"
"""Of `geheim`."""
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN")


@pytest.fixture(scope="module")
def speaking() -> Iterator[Dovecot]:
    """Give a Dovecot with all mechanisms that it has for passwords in clear."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    extra = "auth_mechanisms = plain login scram-sha-256 scram-sha-1 cram-md5\nauth_username_chars ="
    with Dovecot(users={"anna": PASSWORD, "bert,=b": "another"}, extra=extra) as server:
        yield server


async def signed_in(settings: AccountSettings, offering: Offering) -> str:
    """Sign in, and give how."""
    sign_in = SignIn(settings, 10, offering.connect)
    link = await sign_in.link()
    await link.log_out()
    await link.close()
    return sign_in.mechanism


class TestDovecot:
    @pytest.mark.parametrize("initial", [True, False])
    @pytest.mark.parametrize("mechanism", MECHANISMS)
    async def test_each_mechanism(self, speaking: Dovecot, mechanism: str, initial: bool) -> None:
        settings = Bed("dovecot", speaking, "anna").settings()
        async with trio.open_nursery() as nursery:
            offering = Offering(nursery, {mechanism.encode()}, initial)
            suffix = " with an initial response" if initial and mechanism != "CRAM-MD5" else ""
            assert await signed_in(settings, offering) == f"AUTHENTICATE {mechanism}{suffix}"

    async def test_the_best_of_all(self, speaking: Dovecot) -> None:
        bed = Bed("dovecot", speaking, "anna")
        async with trio.open_nursery() as nursery:
            offering = Offering(nursery, {one.encode() for one in MECHANISMS})
            assert await signed_in(bed.settings(), offering) == "AUTHENTICATE SCRAM-SHA-256 with an initial response"

    async def test_a_wrong_password(self, speaking: Dovecot) -> None:
        settings = Bed("dovecot", speaking, "anna").settings(password=Secret("geheim"))

        async def refused(mechanism: str) -> None:
            with pytest.raises(UpstreamLoginFailed, match="does not take this user and password"):
                await signed_in(settings, Offering(nursery, {mechanism.encode()}))

        # At once, because Dovecot answers a wrong password after half a second.
        async with trio.open_nursery() as nursery, trio.open_nursery() as tries:
            for mechanism in MECHANISMS:
                tries.start_soon(refused, mechanism)

    async def test_a_name_that_scram_has_to_spell(self, speaking: Dovecot) -> None:
        settings = Bed("dovecot", speaking, "bert,=b").settings()
        async with trio.open_nursery() as nursery:
            offering = Offering(nursery, {b"SCRAM-SHA-256"})
            assert "SCRAM-SHA-256" in await signed_in(settings, offering)

    async def test_a_user_whose_password_is_not_kept_for_scram(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Dovecot refuses SCRAM then before it has asked for anything; PLAIN is taken."""
        if missing := dovecot_missing():
            pytest.skip(missing)
        with Dovecot(users={"anna": HASHED}, extra="auth_mechanisms = plain scram-sha-256") as server:
            settings = Bed("dovecot", server, "anna").settings(password=Secret("geheim"))
            async with trio.open_nursery() as nursery:
                offering = Offering(nursery, {b"SCRAM-SHA-256", b"PLAIN"})
                sign_in = SignIn(settings, 10, offering.connect)
                for _ in range(2):
                    link = await sign_in.link()
                    await link.close()
                assert sign_in.mechanism == "AUTHENTICATE PLAIN with an initial response"


@asynccontextmanager
async def scripted(offers: str, play: Play) -> AsyncIterator[tuple[Scripted, SignIn]]:
    """Give a server that plays something, and what signs in to it."""
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, offers, play)
        yield server, SignIn(SETTINGS, 10, server.connect)
        nursery.cancel_scope.cancel()


class TestScripted:
    async def test_a_scram_signature_that_is_wrong(self) -> None:
        async def play(told: Told) -> None:
            *_, nonce = b64decode((await told.command()).split()[-1]).decode().split("r=")
            assert "p=" in await told.challenge(f"r={nonce}x,s=QSXCR+Q6sek8bf92,i=4096")
            assert not await told.challenge("v=AAAA")

        async with scripted("AUTH=SCRAM-SHA-256 SASL-IR AUTH=PLAIN", play) as (server, sign_in):
            with pytest.raises(UpstreamBroken, match=r"does not know the password\. Somebody may be in between"):
                await sign_in.link()
        assert len(server.connections) == 1
        assert not [line for line in server.heard if "PLAIN" in line or "LOGIN" in line]

    async def test_an_ok_without_a_signature(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("{tag} OK come in")

        async with scripted("AUTH=SCRAM-SHA-1 SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamBroken, match="did not show that it knows the password"):
                await sign_in.link()

    async def test_more_rounds_than_are_made_on_the_spot(self) -> None:
        async def play(told: Told) -> None:
            bare = b64decode((await told.command()).split()[-1]).decode().removeprefix("n,,")
            asked = f"{bare.partition('r=')[2]}x", b64encode(b"salt").decode(), 2 * QUICK_ROUNDS
            first = "r={},s={},i={}".format(*asked)
            final, _, proof = (await told.challenge(first)).partition(",p=")
            salted = salted_password("SHA-256", Secret(PASSWORD), b"salt", asked[2])
            keys, message = scram_keys("SHA-256", salted), f"{bare},{first},{final}".encode()
            assert proves("SHA-256", keys, message, b64decode(proof))
            await told.challenge(f"v={b64encode(server_signature('SHA-256', keys, message)).decode()}")
            await told.say("{tag} OK come in")

        async with scripted("AUTH=SCRAM-SHA-256 SASL-IR", play) as (_, sign_in):
            await (await sign_in.link()).close()

    async def test_what_is_not_carried_out_is_passed_over(self) -> None:
        async def play(told: Told) -> None:
            while not (command := await told.command()).startswith("LOGIN"):
                assert command.startswith("AUTHENTICATE")
                await told.say("{tag} BAD what?")
            await told.say("{tag} OK come in")

        async with scripted("AUTH=SCRAM-SHA-256 AUTH=CRAM-MD5 AUTH=PLAIN SASL-IR", play) as (server, sign_in):
            await (await sign_in.link()).close()
            assert sign_in.mechanism == "LOGIN"
            tried = [line.split()[1:3] for line in server.heard if "AUTHENTICATE" in line]
            assert [mechanism for _, mechanism in tried] == ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]
            await (await sign_in.link()).close()
        assert server.connections[1].heard[0].split()[1] == "LOGIN"

    async def test_all_at_fault_is_not_the_password(self) -> None:
        async def play(told: Told) -> None:
            while await told.command():
                await told.say("{tag} BAD what?")

        async with scripted("AUTH=PLAIN SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamUnavailable, match="lets nobody in just now"):
                await sign_in.link()

    async def test_all_at_fault_is_not_tried_at_once_again(self) -> None:
        async def play(told: Told) -> None:
            while await told.command():
                await told.say("{tag} BAD what?")

        async with scripted("AUTH=PLAIN SASL-IR", play) as (server, sign_in):
            for _ in range(20):
                with pytest.raises(UpstreamUnavailable):
                    await sign_in.link()
        assert len(server.connections) == 1

    async def test_a_server_that_goes_instead_of_an_answer_is_asked_less_and_less(
        self, autojump_clock: MockClock
    ) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("* BYE Too many invalid IMAP login attempts.")
            await told.stream.aclose()

        async with scripted("AUTH=PLAIN SASL-IR", play) as (server, sign_in):
            for _ in range(3600):
                with pytest.raises(UpstreamUnavailable):
                    await sign_in.link()
                await trio.sleep(1)
        assert len(server.connections) == 8

    @pytest.mark.parametrize("said", ["Invalid username or password", "[AUTHENTICATIONFAILED] sorry"])
    async def test_a_bad_that_speaks_of_the_password_is_the_last_word(self, said: str) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("{tag} BAD " + said)
            assert not await told.command()

        async with scripted("AUTH=PLAIN SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamLoginFailed, match="does not take this user and password"):
                await sign_in.link()
            assert sign_in.definite

    async def test_a_bad_that_says_not_now_is_the_last_word(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("{tag} BAD Request is throttled. Suggested Backoff Time: 1000 milliseconds")
            assert not await told.command()

        async with scripted("AUTH=PLAIN SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamUnavailable) as failure:
                await sign_in.link()
            assert failure.value.pause == 1

    async def test_scram_that_names_why_not_is_the_last_word(self) -> None:
        async def play(told: Told) -> None:
            nonce = b64decode((await told.command()).split()[-1]).decode().partition("r=")[2]
            assert "p=" in await told.challenge(f"r={nonce}x,s=QSXCR+Q6sek8bf92,i=4096")
            assert not await told.challenge("e=invalid-proof")
            await told.say("{tag} NO [AUTHENTICATIONFAILED] no")
            assert not await told.command()

        async with scripted("AUTH=SCRAM-SHA-256 AUTH=PLAIN SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamLoginFailed):
                await sign_in.link()
            assert sign_in.definite

    async def test_scram_that_names_why_not_and_lets_in(self) -> None:
        async def play(told: Told) -> None:
            nonce = b64decode((await told.command()).split()[-1]).decode().partition("r=")[2]
            await told.challenge(f"r={nonce}x,s=QSXCR+Q6sek8bf92,i=4096")
            await told.challenge("e=invalid-proof")
            await told.say("{tag} OK come in")

        async with scripted("AUTH=SCRAM-SHA-256 AUTH=PLAIN SASL-IR", play) as (_, sign_in):
            with pytest.raises(UpstreamBroken, match="did not show that it knows the password"):
                await sign_in.link()

    async def test_a_no_about_the_password_is_the_last_word(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.challenge("<1@example.org>")
            await told.say("{tag} NO [AUTHENTICATIONFAILED] no")
            assert not await told.command()

        async with scripted("AUTH=CRAM-MD5 AUTH=PLAIN", play) as (_, sign_in):
            with pytest.raises(UpstreamLoginFailed):
                await sign_in.link()
            assert sign_in.definite

    async def test_challenges_without_end(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            for _ in range(100):
                await told.challenge("more")

        async with scripted("AUTH=PLAIN SASL-IR LOGINDISABLED", play) as (_, sign_in):
            with pytest.raises(UpstreamBroken, match="has no end"):
                await sign_in.link()

    async def test_a_challenge_in_no_base64_is_cancelled(self) -> None:
        async def play(told: Told) -> None:
            await told.command()
            await told.say("+ what now?")
            assert await told.line() == "*"
            await told.say("{tag} BAD cancelled")
            assert (await told.command()).startswith("LOGIN")
            await told.say("{tag} OK come in")

        async with scripted("AUTH=CRAM-MD5", play) as (_, sign_in):
            await (await sign_in.link()).close()

    async def test_no_way_at_all(self) -> None:
        async def play(told: Told) -> None:
            assert not await told.command()

        async with scripted("AUTH=GSSAPI LOGINDISABLED", play) as (server, sign_in):
            with pytest.raises(UpstreamRefused, match="takes no password on this connection"):
                await sign_in.link()
        assert not any(server.heard)

    async def test_a_password_that_is_repeated_as_it_was_quoted(self) -> None:
        async def play(told: Told) -> None:
            await told.say(f"{{tag}} NO [AUTHENTICATIONFAILED] what is {await told.command()}?")

        async with trio.open_nursery() as nursery:
            server = Scripted(nursery, "", play)
            settings = replace(SETTINGS, password=Secret('a"b\\c'))
            with pytest.raises(UpstreamLoginFailed) as failure:
                await SignIn(settings, 10, server.connect).link()
            nursery.cancel_scope.cancel()
        assert '"a' not in str(failure.value)
