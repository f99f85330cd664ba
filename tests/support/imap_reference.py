"""A reference IMAP client: the standard library's, kept from mending what it is given."""

import contextlib
import imaplib
import re
import socket
from collections.abc import Iterable, Iterator

Imap = imaplib.IMAP4

_UID = re.compile(rb"UID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_APPENDUID = re.compile(rb"APPENDUID \d+ (\d+)")


@contextlib.contextmanager
def signed_in(host: str, port: int, user: str, password: str) -> Iterator[Imap]:
    """Give a connection that is logged in, and log it out."""
    imap = imaplib.IMAP4(host, port, timeout=60)
    # It sends a literal and its CRLF apart, which otherwise costs 40 ms each time.
    imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        imap.login(user, password)
        yield imap
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            imap.logout()


def _done(result: tuple[str, list[object]]) -> list[object]:
    kind, data = result
    assert kind == "OK", (kind, data)
    return data


def append(imap: Imap, mailbox: str, octets: bytes, flags: tuple[str, ...] = (), date: str | None = None) -> int:
    """Append `octets` as they are and return the UID. imaplib's own `append` would rewrite line ends."""
    words = [f'"{mailbox}"', f"({' '.join(flags)})"] + ([f'"{date}"'] if date else [])
    imap.literal = octets  # type: ignore[assignment]  # typeshed says text; it is octets on the wire
    data = _done(imap._simple_command("APPEND", *words))
    found = _APPENDUID.search(b" ".join(part for part in data if isinstance(part, bytes)))
    return int(found.group(1)) if found else 0


def append_at_once(imap: Imap, mailbox: str, messages: Iterable[bytes]) -> None:
    """Append messages by one command: MULTIAPPEND (RFC 3502) with literals that wait for nothing (RFC 7888)."""
    tag = imap._new_tag()
    imap.tagged_commands[tag] = None
    literals = b"".join(b" {%d+}\r\n%b" % (len(octets), octets) for octets in messages)
    imap.send(b'%b APPEND "%b"%b\r\n' % (tag, mailbox.encode(), literals))
    _done(imap._command_complete("APPEND", tag))


def _select(imap: Imap, mailbox: str, readonly: bool) -> int:
    data = _done(imap.select(f'"{mailbox}"', readonly))  # type: ignore[arg-type]
    assert isinstance(data[0], bytes)
    return int(data[0])


def fetch_all(imap: Imap, mailbox: str) -> dict[int, bytes]:
    """Give the mailbox's messages by UID."""
    if not _select(imap, mailbox, readonly=True):
        return {}
    found: dict[int, bytes] = {}
    for part in imap.uid("FETCH", "1:*", "(UID BODY.PEEK[])")[1]:
        if isinstance(part, tuple):
            uid = _UID.search(part[0])
            assert uid is not None, part[0]
            found[int(uid.group(1))] = part[1]
    return found


def flags(imap: Imap, mailbox: str) -> dict[int, frozenset[str]]:
    """Give the mailbox's flags by UID, without `\\Recent`."""
    if not _select(imap, mailbox, readonly=True):
        return {}
    found: dict[int, frozenset[str]] = {}
    for line in imap.uid("FETCH", "1:*", "(UID FLAGS)")[1]:
        assert isinstance(line, bytes)
        uid, names = _UID.search(line), _FLAGS.search(line)
        assert uid is not None
        assert names is not None
        found[int(uid.group(1))] = frozenset(names.group(1).decode().split()) - {"\\Recent"}
    return found


def expunge(imap: Imap, mailbox: str, uids: str) -> None:
    """Remove messages for good; `uids` is a set as IMAP writes it."""
    _select(imap, mailbox, readonly=False)
    _done(imap.uid("STORE", uids, "+FLAGS.SILENT", "(\\Deleted)"))
    _done(imap.uid("EXPUNGE", uids))


def copy(imap: Imap, mailbox: str, uids: str, target: str) -> None:
    """Copy messages to another mailbox."""
    _select(imap, mailbox, readonly=True)
    _done(imap.uid("COPY", uids, f'"{target}"'))


def move(imap: Imap, mailbox: str, uids: str, target: str) -> None:
    """Move messages to another mailbox by one command (RFC 6851)."""
    _select(imap, mailbox, readonly=False)
    _done(imap.uid("MOVE", uids, f'"{target}"'))


def create(imap: Imap, mailbox: str) -> None:
    """Make an empty mailbox."""
    _done(imap.create(f'"{mailbox}"'))


def delete(imap: Imap, mailbox: str) -> None:
    """Delete a mailbox with all that is in it, from outside of it."""
    _select(imap, "INBOX", readonly=True)
    _done(imap.delete(f'"{mailbox}"'))


def uidvalidity(imap: Imap, mailbox: str) -> int:
    """Give a mailbox's UIDVALIDITY."""
    kind, [line] = imap.status(f'"{mailbox}"', "(UIDVALIDITY)")
    assert kind == "OK"
    assert line is not None
    return int(line.split()[-1].rstrip(b")"))


class ReferenceUpstream:
    """An IMAP server that a test started, with what a test does to its mailboxes.

    `users` maps names to passwords; plain IMAP is on `host` and `imap_port`.
    """

    host = "127.0.0.1"
    imap_port: int
    users: dict[str, str]

    @contextlib.contextmanager
    def client(self, user: str) -> Iterator[Imap]:
        """Give a signed-in imaplib connection, for what the methods below do not do."""
        with signed_in(self.host, self.imap_port, user, self.users[user]) as imap:
            yield imap

    def append(
        self, user: str, mailbox: str, octets: bytes, flags: tuple[str, ...] = (), date: str | None = None
    ) -> int:
        """Append one message exactly as given and return its UID. `date` is an IMAP date-time, unquoted."""
        with self.client(user) as imap:
            return append(imap, mailbox, octets, flags, date)

    def append_all(self, user: str, messages: Iterable[bytes], mailbox: str = "INBOX") -> list[int]:
        """Append many messages over one connection and return their UIDs."""
        with self.client(user) as imap:
            return [append(imap, mailbox, octets) for octets in messages]

    def fetch_all(self, user: str, mailbox: str = "INBOX") -> dict[int, bytes]:
        """Give every message of the mailbox by UID, as `BODY.PEEK[]` tells it to a reference client."""
        with self.client(user) as imap:
            return fetch_all(imap, mailbox)

    def flags(self, user: str, mailbox: str = "INBOX") -> dict[int, frozenset[str]]:
        """Give every message's flags by UID, without `\\Recent`."""
        with self.client(user) as imap:
            return flags(imap, mailbox)

    def expunge(self, user: str, mailbox: str, uid: int) -> None:
        """Remove one message, as another client of the account would."""
        with self.client(user) as imap:
            expunge(imap, mailbox, str(uid))
