"""Reading the former server: what it is asked, what it is never asked, and what is told of its failures."""

from contextlib import suppress

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bridge.former.address import FormerServer, parse
from bridge.former.failures import FormerFailed
from bridge.former.reading import FormerSession, check_private, former_session
from bridge.former.records import FormerMessage
from bridge.former.replies import Replies
from bridge.identity import content_identity
from bridge.model.failures import WrongRequest
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from tests.former.support import PASSWORD, FormerPop3, listening, message
from tests.net.pairs import memory_pair
from tests.support.dovecot import Dovecot

MAIL = [(f"id-{word}", message(word)) for word in "abcdef"]


async def read(server: FormerServer, password: Secret = PASSWORD, ca_file: str = "") -> list[FormerMessage]:
    """Read everything."""
    async with former_session(server, password, ca_file, seconds=10) as session:
        return await session.look(await session.messages(), lambda done, total: None)


def expected() -> list[tuple[int, str, str]]:
    """What must be found of `MAIL`."""
    return [(n, uidl, content_identity(octets, 0)) for n, (uidl, octets) in enumerate(MAIL, 1)]


async def test_headers_alone_are_asked_for_and_nothing_is_changed() -> None:
    pop3 = FormerPop3(MAIL)
    async with listening(pop3.serve) as server:
        found = await read(server)
    assert [(each.number, each.uidl, each.identity) for each in found] == expected()
    assert {"RETR", "DELE", "RSET"}.isdisjoint(pop3.verbs)
    assert pop3.verbs[-1] == "QUIT"
    assert pop3.ahead == 1


async def test_commands_are_sent_ahead_where_the_server_says_that_it_can() -> None:
    pop3 = FormerPop3(MAIL, ("TOP", "UIDL", "USER", "PIPELINING"), hold=len(MAIL))
    async with listening(pop3.serve) as server:
        with trio.fail_after(5):
            found = await read(server)
    assert [(each.number, each.uidl, each.identity) for each in found] == expected()


@pytest.mark.parametrize(
    ("capabilities", "tops"), [(None, 3), (("TOP", "UIDL", "USER"), 3), (("UIDL", "USER"), 0)], ids=repr
)
async def test_whole_messages_are_fetched_where_top_is_refused(capabilities: tuple[str, ...] | None, tops: int) -> None:
    pop3 = FormerPop3(MAIL, capabilities, refused=("TOP",))
    async with listening(pop3.serve) as server:
        found = await read(server)
    assert [(each.number, each.uidl, each.identity) for each in found] == expected()
    assert pop3.verbs.count("TOP") == tops
    assert pop3.verbs.count("RETR") == len(MAIL)


async def test_what_would_be_deleted_by_fetching_is_not_fetched() -> None:
    pop3 = FormerPop3(MAIL, ("TOP", "UIDL", "USER", "EXPIRE 0"), refused=("TOP",))
    async with listening(pop3.serve) as server:
        found = await read(server)
    assert "RETR" not in pop3.verbs
    assert [each.identity for each in found] == [""] * len(MAIL)


async def test_a_message_that_the_server_does_not_show_is_left_out() -> None:
    pop3 = FormerPop3(MAIL, refused=("TOP", "RETR"))
    async with listening(pop3.serve) as server:
        found = await read(server)
    assert [(each.uidl, each.identity) for each in found] == [(uidl, "") for uidl, _ in MAIL]


async def test_a_header_may_be_as_long_as_it_likes() -> None:
    long = b"X-Long: " + b"x" * 1_000_000 + b"\r\n" + b"Received: y\r\n" * 50_000 + message("a")
    pop3 = FormerPop3([("id-a", long)])
    async with listening(pop3.serve) as server:
        (found,) = await read(server)
    assert found.identity == content_identity(message("a"), 0)


async def test_without_a_message_id_the_fields_are_kept_and_no_more() -> None:
    pop3 = FormerPop3([("id-a", message("a", message_id=False))])
    async with listening(pop3.serve) as server:
        (found,) = await read(server)
    assert content_identity(found.fields, 77) == content_identity(message("a", message_id=False), 77)
    assert b"X-Other" not in found.fields
    assert b"dots" not in found.fields


async def test_what_looks_like_a_header_in_the_body_is_none() -> None:
    plain = message("a", message_id=False)
    pop3 = FormerPop3([("id-a", plain + b"Message-ID: <b@example.org>\r\n")], refused=("TOP",))
    async with listening(pop3.serve) as server:
        (found,) = await read(server)
    assert content_identity(found.fields, 77) == content_identity(plain, 77)


async def test_plain_is_used_where_user_is_not_offered() -> None:
    pop3 = FormerPop3(MAIL, ("TOP", "UIDL", "SASL CRAM-MD5 PLAIN"))
    async with listening(pop3.serve) as server:
        await read(server)
    assert "AUTH PLAIN AGFubmEAczNjcmV0IHdvcmQ=" in pop3.commands
    assert "PASS" not in pop3.verbs


async def test_a_refused_password_is_told_and_does_not_show() -> None:
    pop3 = FormerPop3(MAIL, refused=("PASS",))
    async with listening(pop3.serve) as server:
        with pytest.raises(FormerFailed, match="does not take anna and the password: no PASS …"):
            await read(server)


async def test_a_server_without_unique_ids_is_told() -> None:
    pop3 = FormerPop3(MAIL, refused=("UIDL",))
    async with listening(pop3.serve) as server:
        with pytest.raises(FormerFailed, match="has no unique-ids: no UIDL"):
            await read(server)


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "does not speak POP3"),
        (b"-ERR [SYS/TEMP] later\r\n", r"does not let anybody in just now: \[SYS/TEMP\] later"),
        (b"", "closed the connection"),
        (b"+OK", "closed the connection"),
    ],
)
async def test_other_greetings(greeting: bytes, told: str) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(greeting)
        await stream.send_eof()

    async with listening(serve) as server:
        with pytest.raises(FormerFailed, match=told):
            await read(server)


async def test_nobody_there() -> None:
    with pytest.raises(FormerFailed, match="nobody listens there"):
        await read(FormerServer("anna", "127.0.0.1", 1, "none"))


async def test_what_comes_before_tls_is_not_believed() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(b"+OK\r\n")
        while await stream.receive_some():
            await stream.send_all(b"+OK\r\n+OK you are in\r\n")

    async with listening(serve) as server:
        with pytest.raises(FormerFailed, match="before TLS began"):
            await read(server._replace(tls="starttls"))


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_no_password_crosses_a_public_network_in_clear(host: str) -> None:
    server = FormerServer("anna", "old.example.org", 110, "none")
    with pytest.raises(FormerFailed, match=r"old\.example\.org is not on a private network"):
        check_private(server, Peer(host, 110))
    check_private(server._replace(tls="starttls"), Peer(host, 110))
    check_private(server, Peer("192.168.1.7", 110))


@given(
    st.lists(st.sampled_from([b"+OK\r\n", b"-ERR\r\n", b".\r\n", b"1 a\r\n", b"\n", b"PIPELINING\r\n"]) | st.binary())
)
def test_whatever_a_server_says_it_is_read_or_told(said: list[bytes]) -> None:
    async def hear() -> None:
        async with memory_pair() as (ours, theirs):
            await theirs.send_all(b"".join(said))
            await theirs.send_stream.aclose()
            session = FormerSession(Replies(ours, 30), frozenset({"TOP"}))
            with suppress(FormerFailed):
                found = await session.messages()
                assert [each.number for each in found] == sorted({each.number for each in found})
                await session.look(found, lambda done, total: None)

    trio.run(hear)


async def test_a_silent_server_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    async with memory_pair() as (ours, _):
        with pytest.raises(FormerFailed, match="did not answer within 30 s"):
            await Replies(ours, 30).status()
    assert trio.current_time() == pytest.approx(30)


async def test_a_trickle_is_no_progress(autojump_clock: trio.testing.MockClock) -> None:
    async with memory_pair() as (ours, theirs), trio.open_nursery() as nursery:

        async def trickle() -> None:
            while True:
                await trio.sleep(20)
                await theirs.send_all(b"x\r\n")

        nursery.start_soon(trickle)
        with pytest.raises(FormerFailed, match="did not answer within 30 s"):
            await Replies(ours, 30).block(lambda line: None)
        nursery.cancel_scope.cancel()
    assert trio.current_time() < 40


async def test_a_slow_reply_may_take_its_time(autojump_clock: trio.testing.MockClock) -> None:
    lines: list[bytes] = []
    async with memory_pair() as (ours, theirs), trio.open_nursery() as nursery:

        async def slowly() -> None:
            for _ in range(10):
                await trio.sleep(25)
                await theirs.send_all(b"x" * 65_534 + b"\r\n")
            await theirs.send_all(b"..\r\n.\r\n")

        nursery.start_soon(slowly)
        await Replies(ours, 30).block(lines.append)
    assert [len(line) for line in lines] == [65_534] * 10 + [1]


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
async def test_dovecot(tls: str, dovecot: Dovecot) -> None:
    user = dovecot.fresh_user()
    words = [f"word{n}" for n in range(120)]
    dovecot.append_all(user, [message(word) for word in words])
    port = dovecot.pop3s_port if tls == "implicit" else dovecot.pop3_port
    server = FormerServer(user, "localhost", port, tls)  # type: ignore[arg-type]
    found = await read(server, Secret(dovecot.users[user]), str(dovecot.ca_file))
    assert [each.identity for each in found] == [content_identity(message(word), 0) for word in words]
    assert set(dovecot.flags(user).values()) == {frozenset()}
    if tls != "none":
        with pytest.raises(FormerFailed, match="not trusted"):
            await read(server, Secret(dovecot.users[user]))


@pytest.mark.parametrize("password", ["x\r\nDELE 1", "x\nDELE 1", "x\rDELE 1", "x\0y", ""])
async def test_a_line_end_in_a_password_is_sent_to_nobody(password: str) -> None:
    pop3 = FormerPop3(MAIL)
    async with listening(pop3.serve) as server:
        with pytest.raises(FormerFailed, match="is empty, or holds NUL or line breaks"):
            await read(server, Secret(password))
    assert {"PASS", "USER", "AUTH", "DELE"}.isdisjoint(pop3.verbs)


@pytest.mark.parametrize("injected", ["%0d%0aDELE 1", "%0aDELE", "%00", "%7f"])
def test_a_line_end_in_a_user_is_a_mistake(injected: str) -> None:
    with pytest.raises(WrongRequest, match="holds control characters"):
        parse(f"pop3://anna{injected}@pop.example.org")
