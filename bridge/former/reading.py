"""A session with the former POP3 server: its unique-ids, and what its messages are. Nothing is changed there."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from bridge.former.address import FormerServer
from bridge.former.failures import FormerFailed
from bridge.former.headers import HeaderFields
from bridge.former.records import FormerMessage, Progress
from bridge.former.replies import Refused, Replies
from bridge.model.peer import Peer, private_peer
from bridge.model.secret import Secret
from bridge.net import NetError, dial, secure

SECONDS = 30.0
"""How long the former server may take for a reply, or for the next 64 KiB of one."""

IN_FLIGHT = 50
"""Commands sent ahead where the server can take them (RFC 2449 §6.6): what mpop does."""

MOST = 1_000_000
"""Messages of a maildrop: as many as mpop takes."""

PATIENCE = 3
"""After so many messages whose TOP was refused and whose RETR was not, TOP is no longer tried."""


class FormerSession:
    """A session after login. Made by `former_session`."""

    def __init__(self, replies: Replies, capabilities: frozenset[str]) -> None:
        self._replies = replies
        self._window = IN_FLIGHT if "PIPELINING" in capabilities else 1
        # A server that says what it can do and leaves TOP out would count each as a bad command.
        self._tries_top = not capabilities or "TOP" in capabilities
        # EXPIRE 0: what was fetched may be deleted (RFC 2449 §6.7).
        self._may_fetch = "EXPIRE 0" not in capabilities
        self._in_vain = 0

    async def messages(self) -> list[FormerMessage]:
        """Give the messages with their unique-ids as the server tells them, in the order of their numbers.

        Raises `FormerFailed`, also where the server has no unique-ids.
        """
        found: dict[int, str] = {}

        def take(line: bytes) -> None:
            number, _, uidl = line.decode("utf-8", "backslashreplace").strip().partition(" ")
            if number.isascii() and number.isdecimal() and len(number) < 10:
                found[int(number)] = uidl.strip()
            if len(found) > MOST:
                raise FormerFailed(f"the former server lists more than {MOST} messages")

        try:
            await self._replies.send("UIDL")
            await self._replies.status()
        except Refused as failure:
            raise FormerFailed(f"the former server has no unique-ids: {failure}") from failure
        await self._replies.block(take)
        return [FormerMessage(number, found[number]) for number in sorted(found)]

    async def look(self, messages: Sequence[FormerMessage], progress: Progress) -> list[FormerMessage]:
        """Give the same messages with their identities, where the server shows their headers.

        TOP is asked for, which marks nothing as read; RETR only where TOP is refused. Raises `FormerFailed`.
        """
        found: list[FormerMessage] = []
        for start in range(0, len(messages), self._window):
            found += await self._look_at(messages[start : start + self._window])
            progress(len(found), len(messages))
        return found

    async def _look_at(self, messages: Sequence[FormerMessage]) -> list[FormerMessage]:
        seen: dict[int, HeaderFields] = {}
        if self._tries_top:
            await self._replies.send(*(f"TOP {message.number} 0" for message in messages))
            for message in messages:
                with suppress(Refused):
                    seen[message.number] = await self._header()
        for message in messages:
            if message.number not in seen and self._may_fetch:
                with suppress(Refused):
                    seen[message.number] = await self._fetched(message.number)
        return [_known(message, seen.get(message.number)) for message in messages]

    async def _fetched(self, number: int) -> HeaderFields:
        await self._replies.send(f"RETR {number}")
        header = await self._header()
        self._in_vain += 1
        self._tries_top = self._tries_top and self._in_vain < PATIENCE
        return header

    async def _header(self) -> HeaderFields:
        await self._replies.status()
        header = HeaderFields()
        await self._replies.block(header.take)
        return header


def _known(message: FormerMessage, header: HeaderFields | None) -> FormerMessage:
    if header is None:
        return message
    identity = header.identity()
    return message._replace(identity=identity, fields=header.fields if identity.startswith("d") else b"")


@asynccontextmanager
async def former_session(
    server: FormerServer, password: Secret, ca_file: str, seconds: float = SECONDS
) -> AsyncIterator[FormerSession]:
    """Log in to the former server for the block, and end the session with QUIT; nothing was marked as deleted.

    Waits for each step at most `seconds`. Raises `FormerFailed`: not reached, not trusted, no POP3, password refused,
    or the password would cross a public network in clear.
    """
    try:
        stream = await dial(server.host, server.port, tls=server.tls == "implicit", ca_file=ca_file, seconds=seconds)
    except NetError as failure:
        raise FormerFailed(f"the former server: {failure}") from failure
    replies = Replies(stream, seconds)
    try:
        await _greeted(replies)
        if server.tls == "starttls":
            await _start_tls(replies, server, ca_file, seconds)
        check_private(server, stream.address)
        await _log_in(replies, server, password)
        yield FormerSession(replies, await _capabilities(replies))
        with suppress(FormerFailed):
            await replies.send("QUIT")
            await replies.status()
    finally:
        stream.abort()


def check_private(server: FormerServer, address: Peer) -> None:
    """Raise `FormerFailed` where the password would cross a public network in clear."""
    if server.tls == "none" and not private_peer(address):
        raise FormerFailed(
            f"{server.host} is not on a private network, and without TLS anybody on the way could read the password: "
            "write pop3s:// or pop3+starttls://"
        )


async def _greeted(replies: Replies) -> None:
    try:
        await replies.status()
    except Refused as failure:
        raise FormerFailed(f"the former server does not let anybody in just now: {failure}") from failure


async def _capabilities(replies: Replies) -> frozenset[str]:
    """Ask what the server can do, in capitals; a server without CAPA says nothing of itself."""
    lines: list[bytes] = []
    await replies.send("CAPA")
    try:
        await replies.status()
    except Refused:
        return frozenset()
    await replies.block(lambda line: lines.append(line) if len(lines) < 1000 else None)
    found = [" ".join(line.decode("ascii", "replace").upper().split()) for line in lines]
    return frozenset([*found, *(words.partition(" ")[0] for words in found)])


async def _start_tls(replies: Replies, server: FormerServer, ca_file: str, seconds: float) -> None:
    await replies.send("STLS")
    try:
        await replies.status()
    except Refused as failure:
        raise FormerFailed(f"the former server does not start TLS: {failure}") from failure
    if replies.pending:
        # Octets sent before the handshake are nobody's word (RFC 2595 §4).
        raise FormerFailed("the former server sent more than its reply before TLS began: not trusted")
    try:
        await secure(replies.stream, server.host, ca_file, seconds)
    except NetError as failure:
        raise FormerFailed(f"the former server: {failure}") from failure


async def _log_in(replies: Replies, server: FormerServer, password: Secret) -> None:
    secret = password.reveal()
    if not secret or any(char in secret for char in "\0\r\n"):
        raise FormerFailed("the password for the former server is empty, or holds NUL or line breaks")
    capabilities = await _capabilities(replies)
    mechanisms = next((words.split() for words in capabilities if words.startswith("SASL ")), [])
    try:
        if capabilities and "USER" not in capabilities and "PLAIN" in mechanisms:
            response = b64encode(f"\0{server.user}\0{secret}".encode("utf-8", "surrogateescape")).decode()
            await replies.send(f"AUTH PLAIN {response}")
        else:
            await replies.send(f"USER {server.user}")
            await replies.status()
            await replies.send(f"PASS {secret}")
        await replies.status()
    except Refused as failure:
        # Some servers repeat what they were sent.
        told = str(failure).replace(secret, "…")
        raise FormerFailed(f"the former server does not take {server.user} and the password: {told}") from failure
