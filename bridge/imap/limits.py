"""How much is taken from a server. Octets unless said otherwise."""

LINE_OCTETS = 64 * 1024
"""One response outside its literals. Our own: far above any reply to what is asked for, small enough to keep."""

NUMBER_LINE_OCTETS = 16 * 1024 * 1024
"""The same for SEARCH, ESEARCH and VANISHED: a million message numbers of ten digits with their blanks. Such a line is
never kept: `LINE_OCTETS` of it are read at a time.
"""

RANGES = 1_000_000
"""Ranges of such a line: as many as it can hold of ten digits each, in 8 MB."""

LATE_RANGES = 250_000
"""Those among them that come after higher ones. No server is known that does not go upwards."""

TAIL_OCTETS = 1000
"""What may stand behind the numbers, such as `(MODSEQ 5)`."""

LITERAL_OCTETS = 64 * 1024
"""A literal that is kept rather than streamed. Our own: names and header fields are far shorter."""

KEPT_OCTETS = 1024 * 1024
"""All that one response may have kept of its literals. Our own."""

DEPTH = 64
"""Parentheses inside parentheses. Our own: the deepest reply to what is asked for needs 4."""

NODES = 65_536
"""Words, strings and lists in one response. Our own: as many as a line of `LINE_OCTETS` can hold."""

UNPACKED_OCTETS = 64 * 1024
"""What is unpacked at once of compressed octets: as much as is received at once where nothing is compressed."""

ROWS = 1000
"""Lines of a listing in one `FetchedRows`: a batch that fits one database transaction."""

MAX_U32 = 2**32 - 1
"""Message numbers, UIDs and UIDVALIDITY (RFC 3501 §9, nz-number)."""

MAX_U63 = 2**63 - 1
"""Sizes (RFC 9051 §9, number64) and mod-sequences (RFC 7162 §7)."""

MAX_U64 = 2**64 - 1
"""X-GM-MSGID: Gmail documents an unsigned 64-bit number."""

COPIED_UIDS = 100_000
"""UIDs that one COPYUID code is spelled out to; a longer one is kept as text. Our own."""

SMALL_LITERAL_OCTETS = 4096
"""What LITERAL- lets a client send without waiting (RFC 7888 §5)."""

SET_TEXT_OCTETS = 4000
"""A set in one command, well inside the 8,000 octets that a server takes for a command line (RFC 7162 §4)."""

QUOTED_OCTETS = 1000
"""The longest argument sent as a quoted string; a longer one goes as a literal. Some servers limit a line to 1,000."""
