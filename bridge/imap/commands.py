"""The commands popbridge sends, each made here and nowhere else. `ImapConnection.send()` takes them.

All raise `UnsendableArgument` for what no command can carry: a NUL, an atom that is none, an empty set.
A mailbox is given by its Unicode name, or as `bytes` exactly as LIST spelled it.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.imap.encode import Argument, Charset, Mailbox, Part, parts_text, text_argument
from bridge.imap.errors import UnsendableArgument
from bridge.imap.limits import MAX_U32, MAX_U63
from bridge.imap.sets import UidSet
from bridge.model.secret import Secret

Handshake = Literal["", "LOGIN", "AUTHENTICATE", "STARTTLS", "COMPRESS", "IDLE"]
MailboxArgument = str | bytes

_WORD = re.compile(r"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")
_SECTION = re.compile(r"[A-Za-z0-9.]*(?: \([A-Za-z0-9 -]+\))?")
_NEWS = b"(MessageNew MessageExpunge)"
_CRITERION = re.compile(r"[A-Za-z0-9.*:,-]+|[()]")


@dataclass(frozen=True, slots=True)
class Command:
    """One command without its tag. `repr` and `str` mask passwords."""

    name: str
    parts: tuple[Part, ...] = ()
    handshake: Handshake = ""

    def __str__(self) -> str:
        return f"{self.name}{''.join(parts_text(self.parts))}"

    def __repr__(self) -> str:
        return f"Command({str(self)!r})"


def capability() -> Command:
    """CAPABILITY."""
    return Command("CAPABILITY")


def starttls() -> Command:
    """STARTTLS. After its OK, upgrade the stream and call `ImapConnection.tls_started()`; nothing else may be sent."""
    return Command("STARTTLS", handshake="STARTTLS")


def compress() -> Command:
    """COMPRESS DEFLATE (RFC 4978 §3). From its OK on `ImapConnection` packs and unpacks by itself."""
    return Command("COMPRESS", (b" DEFLATE",), handshake="COMPRESS")


def login(user: str, password: Secret) -> Command:
    """LOGIN. `send()` refuses it while LOGINDISABLED is in the capabilities."""
    return Command(
        "LOGIN", (b" ", text_argument(user), b" ", text_argument(password.reveal(), secret=True)), handshake="LOGIN"
    )


def authenticate(mechanism: str, initial: bytes | None = None) -> Command:
    """AUTHENTICATE. `initial` sends the first response with it, which needs SASL-IR (RFC 4959 §3).

    Each challenge comes as a `Continuation` and waits for `ImapConnection.respond()`, the empty one included that asks
    for the first response where none was sent (RFC 9051 §6.2.2).
    """
    words = _words([mechanism])
    if initial is None:
        return Command("AUTHENTICATE", (words,), handshake="AUTHENTICATE")
    # Base64 always goes as an atom, as it must here; nothing at all is written as one sign.
    response = Argument(b64encode(initial) or b"=", secret=True)
    return Command("AUTHENTICATE", (words + b" ", response), handshake="AUTHENTICATE")


def id_(name: str, version: str) -> Command:
    """ID (RFC 2971 §3.1): tells the server who we are; some servers let nobody in without it."""
    name_string, version_string = text_argument(name, bare=False), text_argument(version, bare=False)
    fields = (b' ("name" ', name_string, b' "version" ', version_string, b")")
    return Command("ID", fields)


def namespace() -> Command:
    """NAMESPACE (RFC 2342 §5)."""
    return Command("NAMESPACE")


def enable(names: Iterable[str]) -> Command:
    """ENABLE (RFC 5161 §3.1)."""
    return Command("ENABLE", (_words(names),))


def list_mailboxes(pattern: str = "*", special_use: bool = False) -> Command:
    """LIST. `special_use` asks for the attributes where the server does not give them anyway (RFC 6154 §5.2)."""
    suffix = b" RETURN (SPECIAL-USE)" if special_use else b""
    return Command("LIST", (b' "" ', Mailbox(pattern), suffix))


def list_status(mailboxes: Iterable[MailboxArgument], items: Iterable[str]) -> Command:
    """LIST of these mailboxes with the STATUS of each, in one command (RFC 5819 §2).

    Names are patterns there: one with `*` or `%` in it may bring others, too.
    """
    return Command("LIST", (b' "" ', *_mailboxes(mailboxes), b" RETURN (STATUS (" + _words(items).lstrip() + b"))"))


def notify(mailboxes: Iterable[MailboxArgument]) -> Command:
    """NOTIFY SET: from now on the server tells by itself what comes to and goes from these mailboxes, in STATUS
    responses, and from the open one as ever; first it tells how they are (RFC 5465 §3.1, §5).
    """
    return Command(
        "NOTIFY", (b" SET STATUS (selected " + _NEWS + b") (mailboxes ", *_mailboxes(mailboxes), b" " + _NEWS + b")")
    )


def examine(
    mailbox: MailboxArgument, condstore: bool = False, since: tuple[int, int] | None = None, known: UidSet | None = None
) -> Command:
    """EXAMINE: opens a mailbox without changing anything in it (RFC 3501 §6.3.2).

    `since` is a UIDVALIDITY and a mod-sequence: then the server tells what went since, among the UIDs `known` if
    given, and what changed. It needs `enable(["QRESYNC"])` (RFC 7162 §3.2.5).
    """
    suffix = b" (CONDSTORE)" if condstore else b""
    if since is not None:
        uids = b" " + _set(known) if known else b""
        suffix = b" (QRESYNC (%b %b%b))" % (_number(since[0], MAX_U32), _number(since[1], MAX_U63), uids)
    return Command("EXAMINE", (b" ", Mailbox(mailbox), suffix))


def select(mailbox: MailboxArgument, condstore: bool = False) -> Command:
    """SELECT, for carrying out intents alone."""
    return Command("SELECT", (b" ", Mailbox(mailbox), b" (CONDSTORE)" if condstore else b""))


def status(mailbox: MailboxArgument, items: Iterable[str]) -> Command:
    """STATUS; not to be asked of the selected mailbox (RFC 3501 §6.3.10)."""
    return Command("STATUS", (b" ", Mailbox(mailbox), b" (" + _words(items).lstrip() + b")"))


def list_messages(
    first_uid: int, last_uid: int | None, emailid: bool = False, gmail: bool = False, since: int = 0
) -> Command:
    """UID FETCH of what a listing needs: UID, RFC822.SIZE, INTERNALDATE, and the provider's identity where it has one.

    With `last_uid` None it goes to `*`, and then the last message always answers, even one below `first_uid`
    (RFC 3501 §6.4.8). Answers come as `FetchedRows` and `Fetched`. `since` is a mod-sequence: then only of what changed
    after it (RFC 7162 §3.1.4.1).
    """
    last = b"*" if last_uid is None else _number(last_uid, MAX_U32)
    extra = (b" EMAILID" if emailid else b"") + (b" X-GM-MSGID" if gmail else b"")
    uids = _number(first_uid, MAX_U32)
    changed = b" (CHANGEDSINCE %b)" % _number(since, MAX_U63) if since else b""
    return Command("UID FETCH", (b" %b:%b (UID RFC822.SIZE INTERNALDATE%b)%b" % (uids, last, extra, changed),))


def fetch_uids(numbers: UidSet) -> Command:
    """FETCH of the UIDs that messages have which are named by their numbers in the open mailbox."""
    return Command("FETCH", (b" ", _set(numbers), b" (UID)"))


def fetch_body(uids: UidSet, offset: int | None = None, length: int | None = None, section: str = "") -> Command:
    """UID FETCH of BODY.PEEK[section], whole or `length` octets from `offset` on; never sets `\\Seen`.

    A range past the end answers with what there is, or nothing (RFC 3501 §6.4.5). Give both of a range, or neither.
    """
    if not _SECTION.fullmatch(section):
        raise UnsendableArgument("A section of a message is named wrongly.")
    item = b"BODY.PEEK[%b]" % section.encode("ascii")
    if offset is not None and length is not None:
        item += b"<%b.%b>" % (_number(offset, MAX_U63, least=0), _number(length, MAX_U63))
    return Command("UID FETCH", (b" ", _set(uids), b" (UID ", item, b")"))


def fetch_headers(uids: UidSet, fields: Iterable[str]) -> Command:
    """UID FETCH of header fields alone, which come in `Fetched.sections`; never sets `\\Seen`."""
    return Command("UID FETCH", (b" ", _set(uids), b" (UID ", _header_fields(fields), b")"))


def fetch_arrivals(first_uid: int, fields: Iterable[str], emailid: bool = False, gmail: bool = False) -> Command:
    """UID FETCH of what a listing needs and of header fields, both at once, from `first_uid` on.

    As with `list_messages` the last message always answers. Answers come as `Fetched`.
    """
    extra = (b" EMAILID" if emailid else b"") + (b" X-GM-MSGID" if gmail else b"")
    uids = _number(first_uid, MAX_U32)
    items = b"UID RFC822.SIZE INTERNALDATE%b " % extra + _header_fields(fields)
    return Command("UID FETCH", (b" %b:* (%b)" % (uids, items),))


def fetch_facts(uids: UidSet, fields: Iterable[str] = ()) -> Command:
    """UID FETCH of what an intent is checked against: size, flags, INTERNALDATE, and header fields, if any."""
    wanted = tuple(fields)
    header = (b" ", _header_fields(wanted)) if wanted else ()
    return Command("UID FETCH", (b" ", _set(uids), b" (UID RFC822.SIZE FLAGS INTERNALDATE", *header, b")"))


def store(uids: UidSet, sign: Literal["+", "-"], flags: Iterable[str], silent: bool = True) -> Command:
    """UID STORE: adds or removes flags. `silent` spares the answers."""
    verb = sign.encode("ascii") + (b"FLAGS.SILENT (" if silent else b"FLAGS (")
    return Command("UID STORE", (b" ", _set(uids), b" ", verb, b" ".join(_flag(flag) for flag in flags), b")"))


def search_all(esearch: bool) -> Command:
    """UID SEARCH ALL; with ESEARCH (RFC 4731 §3.1) the answer is a compact set with its count."""
    return Command("UID SEARCH", (b" RETURN (ALL COUNT) ALL" if esearch else b" ALL",))


def search(criteria: Sequence[str | bytes | UidSet], esearch: bool = False) -> Command:
    """UID SEARCH. A `str` is a keyword, date, number or parenthesis of SEARCH itself; `bytes` is a string to look for.

    A `UidSet` stands for itself, as behind `"UID"`. 8-bit strings are announced as UTF-8.
    """
    eight_bit = any(isinstance(word, bytes) and not word.isascii() for word in criteria)
    parts: list[Part] = [b" RETURN (ALL COUNT)" if esearch else b"", Charset() if eight_bit else b""]
    gap = b" "
    for word in criteria:
        parts += (b"" if word == ")" else gap, _criterion(word))
        gap = b"" if word == "(" else b" "
    return Command("UID SEARCH", tuple(parts))


def quota_root(mailbox: MailboxArgument) -> Command:
    """GETQUOTAROOT: answers with a `Quota` for each root of the mailbox (RFC 9208 §4.1.2)."""
    return Command("GETQUOTAROOT", (b" ", Mailbox(mailbox)))


def expunge(uids: UidSet) -> Command:
    """UID EXPUNGE: removes those of `uids` that are `\\Deleted`, nothing else. Needs UIDPLUS (RFC 4315 §2.1)."""
    return Command("UID EXPUNGE", (b" ", _set(uids)))


def plain_expunge() -> Command:
    """EXPUNGE: removes everything `\\Deleted`, whoever marked it."""
    return Command("EXPUNGE")


def move(uids: UidSet, mailbox: MailboxArgument) -> Command:
    """UID MOVE (RFC 6851 §3.2). COPYUID may come in an untagged OK as well as in the tagged one."""
    return Command("UID MOVE", (b" ", _set(uids), b" ", Mailbox(mailbox)))


def copy(uids: UidSet, mailbox: MailboxArgument) -> Command:
    """UID COPY."""
    return Command("UID COPY", (b" ", _set(uids), b" ", Mailbox(mailbox)))


def idle() -> Command:
    """IDLE (RFC 2177 §3). `ImapConnection.end_idle()` ends it; until then nothing else may be sent."""
    return Command("IDLE", handshake="IDLE")


def noop() -> Command:
    """NOOP."""
    return Command("NOOP")


def logout() -> Command:
    """LOGOUT. The server says BYE, then its tagged OK, then closes."""
    return Command("LOGOUT")


def _words(words: Iterable[str]) -> bytes:
    text = ""
    for word in words:
        if not _WORD.fullmatch(word):
            raise UnsendableArgument("A word of a command is not an IMAP atom.")
        text += f" {word}"
    if not text:
        raise UnsendableArgument("A command needs at least one word here.")
    return text.encode("ascii")


def _mailboxes(mailboxes: Iterable[MailboxArgument]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for mailbox in mailboxes:
        parts += (b" ", Mailbox(mailbox))
    if not parts:
        raise UnsendableArgument("A command needs at least one mailbox.")
    return (b"(", *parts[1:], b")")


def _header_fields(fields: Iterable[str]) -> bytes:
    return b"BODY.PEEK[HEADER.FIELDS (" + _words(fields).lstrip() + b")]"


def _flag(flag: str) -> bytes:
    return flag[: flag.startswith("\\")].encode("ascii") + _words([flag.removeprefix("\\")]).lstrip()


def _number(number: int, most: int, least: int = 1) -> bytes:
    if not least <= number <= most:
        raise UnsendableArgument("A number is out of the range that IMAP has for it.")
    return b"%d" % number


def _set(uids: UidSet) -> bytes:
    if not uids:
        raise UnsendableArgument("A command needs at least one message.")
    return uids.text().encode("ascii")


def _criterion(word: str | bytes | UidSet) -> Part:
    if isinstance(word, bytes):
        return Argument(word)
    if isinstance(word, UidSet):
        return _set(word)
    if not _CRITERION.fullmatch(word):
        raise UnsendableArgument("A search key is not one word of IMAP's SEARCH.")
    return word.encode("ascii")
