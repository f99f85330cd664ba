"""What an IMAP server said, as events of `ImapConnection.next_event()`."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bridge.imap.sets import UidSet

Answer = Literal["OK", "NO", "BAD"]


@dataclass(frozen=True, slots=True)
class Copied:
    """COPYUID: the n-th of `source` became the n-th of `destination`, in `uidvalidity` (RFC 4315 §3)."""

    uidvalidity: int
    source: tuple[int, ...]
    destination: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A response code such as `[UIDVALIDITY 7]`. `name` is in capitals, `arguments` as sent, without the brackets.

    `number` is read for UIDVALIDITY, UIDNEXT, UNSEEN and HIGHESTMODSEQ; `names` for CAPABILITY (in capitals),
    PERMANENTFLAGS and BADCHARSET; `copied` for COPYUID, and for APPENDUID with an empty `source`.
    What cannot be read stays None or empty: a code is a hint, never an error.
    """

    name: str
    arguments: str = ""
    number: int | None = None
    names: frozenset[str] = frozenset()
    copied: Copied | None = None


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing whole has arrived: send what `data_to_send()` gives, then receive more."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The server closed the connection between two responses. Given for ever after `receive_eof()`."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first line. PREAUTH means signed in already, so STARTTLS is not to be had (RFC 9051 §7.1.4)."""

    kind: Literal["OK", "PREAUTH", "BYE"]
    code: Code | None
    text: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """`+`. Literals were already gone on with. After `idle()` it says that the server now pushes; of AUTHENTICATE it is
    a challenge, for `ImapConnection.respond()`. Its text may be of a sign-in and is not shown.
    """

    text: str = field(repr=False)

    @property
    def challenge(self) -> bytes | None:
        """The octets of a challenge, or None where the text is not base64."""
        try:
            return b64decode(self.text, validate=True)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Tagged:
    """The end of the command that `send()` named `tag`. `command` is its name, such as `UID FETCH`."""

    tag: str
    kind: Answer
    code: Code | None
    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """An untagged OK, NO, BAD or BYE. After BYE the server closes."""

    kind: Literal["OK", "NO", "BAD", "BYE"]
    code: Code | None
    text: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The mailbox holds `count` messages."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """Message number `seq` is gone; every later number is one less from here on."""

    seq: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """These UIDs are gone; with `earlier` they went before this session and change no number (RFC 7162 §3.2.10)."""

    earlier: bool
    uids: UidSet


@dataclass(frozen=True, slots=True)
class Listed:
    """One mailbox. `name` is Unicode, INBOX in capitals; `raw` is the server's own spelling.

    A name that is not proper modified UTF-7 may not survive being encoded again: address it by `raw`.
    Attributes of the RFCs are spelled as there (`\\Junk`, `\\Noselect`), whatever the server's case.
    """

    attributes: frozenset[str]
    delimiter: str | None
    name: str
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """STATUS. `items` by name in capitals (`MESSAGES`, `UIDNEXT`, `SIZE` …), only those with a number."""

    name: str
    items: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SearchFound:
    """SEARCH or ESEARCH. `tag` and `count` come only with ESEARCH; there `uids` is what ALL gave, else empty.

    From SEARCH the numbers are UIDs if the command was UID SEARCH, which is all that this room sends.
    """

    tag: str | None
    uids: UidSet
    count: int | None = None
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """An untagged CAPABILITY; `ImapConnection.capabilities` already is `names`."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags a mailbox knows."""

    names: frozenset[str]


class Namespace(NamedTuple):
    """A prefix of mailbox names (Unicode) and its hierarchy delimiter."""

    prefix: str
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class Namespaces:
    """NAMESPACE (RFC 2342 §5)."""

    personal: tuple[Namespace, ...] = ()
    others: tuple[Namespace, ...] = ()
    shared: tuple[Namespace, ...] = ()


@dataclass(frozen=True, slots=True)
class Enabled:
    """What ENABLE turned on, in capitals (RFC 5161 §3.2)."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ServerId:
    """What the server says it is (RFC 2971 §3.2), keys in lower case, NIL values left out."""

    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Quota:
    """QUOTA (RFC 9208 §4.2.1). `resources` maps names in capitals to usage and limit; STORAGE's are in 1024 octets."""

    root: str
    resources: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A response that was read to its end and means nothing here. `name` is its word, in capitals."""

    name: str


class FetchedRow(NamedTuple):
    """One line of `list_messages()`: `size` in octets, `date` in Unix seconds, `identity` as in `Fetched`."""

    seq: int
    uid: int
    size: int
    date: int
    identity: str


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """Consecutive lines of a listing, in the server's order, 1..1000 of them.

    A line that is shaped otherwise, or whose date is none, comes as `Fetched` instead: be ready for both.
    """

    rows: list[FetchedRow]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The end of one FETCH response; what the server did not name is None or empty. Body events came before it.

    `identity` is `emailid:…` (RFC 8474 §5.1), else `gmail:…` (X-GM-MSGID in decimal), else empty. `date` is
    INTERNALDATE in Unix seconds, None when it cannot be read. `sections` holds BODY[HEADER.FIELDS …] alone, by the text
    between the brackets, in capitals and without quotes, cut at 64 KiB; NIL is empty.
    """

    seq: int
    uid: int | None = None
    size: int | None = None
    date: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None
    identity: str = ""
    sections: Mapping[str, bytes] = field(default_factory=dict)


class FetchedBody(NamedTuple):
    """One FETCH response that is a UID and a BODY[] and had arrived whole: what `BodyBegin`, `BodyChunk`, `BodyEnd` and
    `Fetched` would tell. Be ready for both: it depends on how the octets arrived. `origin` is as in `BodyBegin`.
    """

    seq: int
    uid: int
    origin: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class BodyBegin:
    """A BODY[…] other than HEADER.FIELDS begins: `size` octets follow in `BodyChunk`s, then `BodyEnd`, then `Fetched`.

    `uid` is None while the server has not said it: it may come behind the body, in `Fetched`. `section` is in capitals;
    `origin` is the n of `BODY[]<n>`, None for a whole one. `missing`: the server said NIL, and `size` is 0.
    """

    seq: int
    uid: int | None
    section: str
    origin: int | None
    size: int
    missing: bool = False


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """Octets of the body begun, as they arrived: never empty, at most as many as were received at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """All `size` octets of the body were given."""


Response = (
    Greeting
    | Continuation
    | Tagged
    | Status
    | Exists
    | Expunged
    | Vanished
    | Listed
    | MailboxStatus
    | SearchFound
    | Capabilities
    | Flags
    | Namespaces
    | Enabled
    | ServerId
    | Quota
    | Unknown
    | FetchedRows
    | FetchedBody
    | Fetched
    | BodyBegin
    | BodyChunk
    | BodyEnd
)

Event = NeedData | Closed | Response
