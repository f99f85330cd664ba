"""Signing in: with each kind of TLS, with wrong passwords, and where a server must not be given one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import (
    UpstreamBroken,
    UpstreamError,
    UpstreamLoginFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bridge.model.secret import Secret
from bridge.model.settings import TlsMode
from bridge.sandbox import ALL_CAPABILITIES, Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Bye, Chatter, Close, Fault, Hang, Say
from bridge.upstream import Account
from tests.support.certificates import Certificate, make_certificate
from tests.support.dovecot import Dovecot
from tests.support.ports import free_ports
from tests.support.pymap_server import PymapServer
from tests.upstream.beds import LETTER, Bed, Connects, read, running, serving

WRONG = Secret("not it at all")
ODD = ('quote " and \\', "x" * 500, "ümlaut", "line\r\nA9 LOGOUT", "tab\tspace ", "*", "{5}")


@dataclass
class TlsBed:
    """A bed and how TLS is had there."""

    bed: Bed
    tls: TlsMode
    ca_file: str
    port: int


@pytest.fixture(
    params=["sandbox-starttls", "sandbox-implicit", "pymap-starttls", "dovecot-starttls", "dovecot-implicit"]
)
async def secured(request: pytest.FixtureRequest, certificate: Certificate) -> AsyncIterator[TlsBed]:
    """Give each kind of TLS that each server has."""
    kind, _, tls = request.param.partition("-")
    pair = (str(certificate.certificate), str(certificate.key))
    if kind == "sandbox":
        async with serving(SandboxServer(tls=tls, certificate=pair)) as bed:
            yield TlsBed(bed, tls, str(certificate.ca), bed.sandbox.port)
    elif kind == "pymap":
        pymap: PymapServer = request.getfixturevalue("pymap_with_tls")
        yield TlsBed(Bed("pymap", pymap, pymap.fresh_user()), tls, str(certificate.ca), pymap.imap_port)
    else:
        dovecot: Dovecot = request.getfixturevalue("dovecot")
        port = dovecot.imaps_port if tls == "implicit" else dovecot.imap_port
        yield TlsBed(Bed("dovecot", dovecot, dovecot.fresh_user()), tls, str(dovecot.ca_file), port)


async def look(account: Account) -> None:
    """Have the account sign in."""
    async with account.watch():
        pass


class TestEachServer:
    async def test_with_tls(self, secured: TlsBed) -> None:
        settings = secured.bed.settings(tls=secured.tls, ca_file=secured.ca_file, port=secured.port)
        connects = Connects()
        async with running(settings, connect=connects) as account:
            await look(account)
            assert account.health.state == "online"
            assert [stream.tls_version for stream in connects.streams] == ["TLSv1.3"]

    async def test_without_tls(self, bed: Bed) -> None:
        connects = Connects()
        async with running(bed.settings(), connect=connects) as account:
            await look(account)
        assert [stream.tls for stream in connects.streams] == [False]

    async def test_a_certificate_of_an_unknown_authority(self, secured: TlsBed) -> None:
        settings = secured.bed.settings(tls=secured.tls, port=secured.port)
        async with running(settings) as account:
            with pytest.raises(UpstreamBroken, match=r"account mail: .* not trusted .*: set ca_file to its authority"):
                await look(account)
        if secured.bed.kind == "sandbox":
            assert secured.bed.sandbox.commands("LOGIN") == secured.bed.sandbox.commands("AUTHENTICATE") == []

    async def test_a_wrong_password_is_tried_once(self, bed: Bed) -> None:
        connects = Connects()
        place = await bed.location(1)
        async with running(bed.settings(password=WRONG), connect=connects) as account:
            with pytest.raises(
                UpstreamLoginFailed, match="account mail: the server does not take this user"
            ) as failure:
                await look(account)
            assert WRONG.reveal() not in str(failure.value)
            for again in (look(account), read(account, place)):
                with pytest.raises(UpstreamLoginFailed):
                    await again
            assert connects.made == 1
            assert account.health.state == "needs sign-in"
            assert account.health.note == str(failure.value)
            account.sign_in_again()
            with pytest.raises(UpstreamLoginFailed):
                await look(account)
            assert connects.made == 2

    async def test_odd_passwords_are_wrong_ones(self, bed: Bed) -> None:
        async def refused(password: str) -> None:
            async with running(bed.settings(password=Secret(password))) as account:
                with pytest.raises(UpstreamLoginFailed) as failure:
                    await look(account)
                assert password not in str(failure.value)

        # At once, because Dovecot answers a wrong password after half a second.
        async with trio.open_nursery() as nursery:
            for password in ODD:
                if bed.kind != "pymap" or (password.isprintable() and password.isascii()):  # else pymap fails
                    nursery.start_soon(refused, password)

    @pytest.mark.parametrize(("user", "password"), [("", "x"), ("anna", ""), ("anna", "a\0b"), ("a\0b", "x")])
    async def test_what_cannot_be_sent_is_not(self, bed: Bed, user: str, password: str) -> None:
        connects = Connects()
        async with running(bed.settings(user=user, password=Secret(password)), connect=connects) as account:
            with pytest.raises(UpstreamLoginFailed, match="cannot hold a NUL"):
                await look(account)
        assert connects.made == 0


class TestHealth:
    async def test_from_connecting_to_online(self, bed: Bed) -> None:
        async with running(bed.settings()) as account:
            assert (account.health.state, account.health.connections) == ("connecting", 0)
            async with account.watch():
                health = account.health
                assert (health.state, health.note, health.connections) == ("online", "", 1)
                assert {"IMAP4REV1", "IDLE", "UIDPLUS", "MOVE"} <= health.capabilities

    async def test_offline_when_nobody_listens(self) -> None:
        [port] = free_ports(1)
        async with serving(SandboxServer()) as bed:
            settings = bed.settings(port=port)
        async with running(settings) as account:
            with pytest.raises(UpstreamUnavailable, match=f"account mail: 127.0.0.1:{port} cannot be reached") as e:
                await look(account)
            assert (account.health.state, account.health.note) == ("offline", str(e.value))

    async def test_offline_after_a_loss_and_online_again(self, alone: Bed) -> None:
        [uid] = await alone.deliver(LETTER)
        place = await alone.location(uid)
        async with running(alone.settings()) as account:
            assert await read(account, place) == LETTER
            since = account.health.since
            alone.sandbox.drop_connections()
            await until_offline(account)
            assert account.health.connections == 0
            assert account.health.since >= since
            assert await read(account, place) == LETTER
            assert (account.health.state, account.health.note) == ("online", "")

    async def test_a_new_password_is_tried_when_told_so(self, alone: Bed) -> None:
        alone.sandbox.users["anna"].password = "another"
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamLoginFailed):
                await look(account)
            alone.sandbox.users["anna"].password = "anna secret"
            with pytest.raises(UpstreamLoginFailed):
                await look(account)
            account.sign_in_again()
            await look(account)
            assert account.health.state == "online"


async def until_offline(account: Account) -> None:
    """Wait until the loss was noticed: an idle connection listens."""
    with trio.fail_after(5):
        while account.health.state != "offline":
            await trio.lowlevel.checkpoint()


class TestWays:
    """What is sent to sign in, and what is not."""

    @pytest.mark.parametrize(
        ("without", "sent"),
        [
            (set[str](), ["AUTHENTICATE"]),
            ({"SASL-IR"}, ["AUTHENTICATE"]),
            ({"AUTH=PLAIN"}, ["LOGIN"]),
            ({"AUTH=PLAIN", "ID"}, ["LOGIN"]),
            ({"QRESYNC"}, ["AUTHENTICATE"]),
            ({"ENABLE"}, ["AUTHENTICATE"]),
        ],
    )
    @pytest.mark.parametrize("tells", [True, False])
    async def test_by_what_the_server_offers(self, alone: Bed, without: set[str], sent: list[str], tells: bool) -> None:
        alone.sandbox.capabilities = set(ALL_CAPABILITIES - without)
        alone.sandbox.tells_capabilities = tells
        async with running(alone.settings()) as account:
            await look(account)
        asked = ["CAPABILITY"] if not tells else []
        said = [] if "ID" in without else ["ID"]
        said += [] if without & {"QRESYNC", "ENABLE"} else ["ENABLE"]
        commands = [moment.command for moment in alone.sandbox.commands()]
        assert commands == [*asked, *sent, *asked, *said]

    async def test_logindisabled_is_kept_to(self, alone: Bed) -> None:
        alone.sandbox.capabilities |= {"LOGINDISABLED"}
        alone.sandbox.capabilities -= {"AUTH=PLAIN"}
        async with running(alone.settings()) as account:
            with pytest.raises(
                UpstreamRefused, match=r"account mail: the server takes no password .*; with TLS it may"
            ):
                await look(account)
        assert [moment.command for moment in alone.sandbox.commands()] == []

    async def test_logindisabled_forbids_only_login(self, alone: Bed) -> None:
        alone.sandbox.capabilities |= {"LOGINDISABLED"}
        async with running(alone.settings()) as account:
            await look(account)

    async def test_a_bad_to_authenticate_is_not_about_the_password(self, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("command", Answer("BAD", "what?"), "AUTHENTICATE", times=None)])
        async with running(alone.settings()) as account:
            await look(account)

    @pytest.mark.parametrize(
        ("words", "pause"),
        [
            ("Too many simultaneous connections", 60),
            ("[UNAVAILABLE] Maintenance", 5),
            ("Temporary authentication failure.", 0),
        ],
    )
    async def test_not_now_is_no_wrong_password(
        self, autojump_clock: MockClock, alone: Bed, words: str, pause: int
    ) -> None:
        alone.sandbox.script = Script([Rule("command", Answer("NO", words), "AUTHENTICATE")])
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamUnavailable, match="account mail: the server lets nobody in just now"):
                await look(account)
            assert account.health.state == "offline"
            await trio.sleep(pause)
            await look(account)

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            (Close(), True),
            (Bye("go away"), True),
            (Answer("NO", "Too many wrong passwords, try again in an hour"), True),
            (Answer("NO", "no"), True),
            (Answer("NO", "Maintenance", "UNAVAILABLE"), False),
            (Answer("NO", "Too many simultaneous connections"), False),
        ],
    )
    async def test_whether_a_server_may_have_counted_a_password(self, alone: Bed, fault: Fault, told: bool) -> None:
        alone.sandbox.script = Script([Rule("command", fault, "AUTHENTICATE")])
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamError) as failure:
                await look(account)
        assert failure.value.password_told is told

    async def test_a_server_that_was_not_reached_has_not_counted_it(self, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("greeting", Bye("no"))])
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamUnavailable) as failure:
                await look(account)
        assert not failure.value.password_told

    async def test_a_server_that_repeats_the_password_is_not_quoted(self, alone: Bed) -> None:
        alone.sandbox.capabilities -= {"AUTH=PLAIN"}
        said = 'no such command: LOGIN anna "anna secret"'
        alone.sandbox.script = Script([Rule("command", Answer("NO", said, "AUTHENTICATIONFAILED"), "LOGIN")])
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamLoginFailed) as failure:
                await look(account)
            assert "anna secret" not in str(failure.value)
            assert "anna secret" not in account.health.note


class TestTrouble:
    @pytest.mark.parametrize(
        ("faults", "words"),
        [
            (Bye("too busy", "LIMIT"), 'takes no connections now \\("too busy"\\)'),
            (Close(), "the server closed the connection"),
            (Hang(), "took longer than 20 s"),
        ],
    )
    async def test_at_the_greeting(self, autojump_clock: MockClock, alone: Bed, faults: Fault, words: str) -> None:
        alone.sandbox.script = Script([Rule("greeting", faults)])
        async with running(alone.settings(), timeout=20) as account:
            with pytest.raises(UpstreamUnavailable, match=f"account mail: .*{words}"):
                await look(account)
            assert account.health.state == "offline"
            await trio.sleep(30)
            await look(account)

    @pytest.mark.parametrize("point", ["command", "tagged"])
    @pytest.mark.parametrize(
        ("faults", "words"),
        [
            (Bye("Server shutting down"), 'closed the connection \\("Server shutting down"\\)'),
            (Close(), "closed the connection"),
            (Hang(), "took longer than 20 s"),
            (Chatter(every=3), "took longer than 20 s"),
        ],
    )
    @pytest.mark.parametrize("command", ["AUTHENTICATE", "ID"])
    async def test_at_login(
        self, autojump_clock: MockClock, alone: Bed, point: str, command: str, faults: Fault, words: str
    ) -> None:
        alone.sandbox.script = Script([Rule("command" if point == "command" else "tagged", faults, command)])
        async with running(alone.settings(), timeout=20) as account:
            began = trio.current_time()
            with pytest.raises(UpstreamUnavailable, match=f"account mail: .*{words}"):
                await look(account)
            assert trio.current_time() - began <= 21
            await look(account)

    async def test_http_is_named(self, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("greeting", (Say(b"HTTP/1.1 400 Bad Request\r\n"), Close()))])
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamBroken, match="looks like a web server"):
                await look(account)


class TestStartTls:
    """What somebody between us and the server may try: nothing of it goes on in clear."""

    @pytest.fixture
    async def between(self, certificate: Certificate) -> AsyncIterator[Bed]:
        pair = (str(certificate.certificate), str(certificate.key))
        async with serving(SandboxServer(tls="starttls", certificate=pair)) as bed:
            yield bed

    async def refused(self, bed: Bed, certificate: Certificate, words: str) -> None:
        """See that signing in fails, and that no password was sent."""
        async with running(bed.settings(tls="starttls", ca_file=str(certificate.ca)), timeout=20) as account:
            with pytest.raises(UpstreamBroken, match=f"account mail: .*{words}"):
                await look(account)
            assert account.health.state == "offline"
        names = {moment.command for moment in bed.sandbox.commands()}
        assert names <= {"CAPABILITY", "STARTTLS"}

    async def test_not_offered(self, alone: Bed, certificate: Certificate) -> None:
        await self.refused(alone, certificate, "offers no STARTTLS")

    async def test_stripped_from_the_greeting(self, between: Bed, certificate: Certificate) -> None:
        stripped = Answer("OK", "hello", "CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR")
        between.sandbox.script = Script([Rule("greeting", stripped)])
        await self.refused(between, certificate, "offers no STARTTLS")

    async def test_preauth(self, between: Bed, certificate: Certificate) -> None:
        between.sandbox.script = Script([Rule("greeting", Answer("PREAUTH", "welcome"))])
        await self.refused(between, certificate, r"before TLS can start \(PREAUTH\)")

    @pytest.mark.parametrize("kind", ["NO", "BAD"])
    async def test_not_granted(self, between: Bed, certificate: Certificate, kind: str) -> None:
        refusal = Answer("NO" if kind == "NO" else "BAD", "not today")
        between.sandbox.script = Script([Rule("command", refusal, "STARTTLS")])
        await self.refused(between, certificate, r'would not start TLS \("not today"\)')

    @pytest.mark.parametrize("injected", [b"* CAPABILITY IMAP4rev1\r\n", b"x", b"* BYE\r\n", b"A9 OK in\r\n"])
    async def test_octets_behind_the_ok(self, between: Bed, certificate: Certificate, injected: bytes) -> None:
        says = Say(b"{tag} OK begin TLS now\r\n" + injected)
        between.sandbox.script = Script([Rule("command", (says, Close()), "STARTTLS")])
        await self.refused(between, certificate, "behind the OK of STARTTLS")

    async def test_what_was_said_before_tls_is_forgotten(self, between: Bed, certificate: Certificate) -> None:
        code = "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED X-EVIL"
        between.sandbox.script = Script([Rule("greeting", Answer("OK", "hello", code))])
        settings = between.settings(tls="starttls", ca_file=str(certificate.ca))
        async with running(settings) as account, account.watch():
            assert "X-EVIL" not in account.health.capabilities

    async def test_a_certificate_for_another_name(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        other = make_certificate(tmp_path_factory.mktemp("other"), "imap.example.org")
        pair = (str(other.certificate), str(other.key))
        async with serving(SandboxServer(tls="starttls", certificate=pair)) as bed:
            await self.refused(bed, other, "certificate for another name")

    async def test_a_handshake_that_never_ends(
        self, autojump_clock: MockClock, alone: Bed, certificate: Certificate
    ) -> None:
        alone.sandbox.script = Script(
            [
                Rule("greeting", Answer("OK", "hello", "CAPABILITY IMAP4rev1 STARTTLS")),
                Rule("command", (Say(b"{tag} OK begin TLS now\r\n"), Hang()), "STARTTLS"),
            ]
        )
        began = trio.current_time()
        await self.refused(alone, certificate, "took longer than 20 s")
        assert trio.current_time() - began == pytest.approx(20, abs=1)
