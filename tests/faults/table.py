"""The faults that any command may meet, by name."""

from collections.abc import Mapping

from bridge.sandbox.faults import Alter, Answer, Bye, Chatter, Close, Drip, Fault, Flood, Hang, Reset, Say

CODES = (
    *("UNAVAILABLE", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"),
    *("NOPERM", "INUSE", "EXPUNGEISSUED", "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA"),
    *("ALREADYEXISTS", "NONEXISTENT", "ALERT", "BADCHARSET (UTF-8)", "HASCHILDREN", "PARSE", "READ-ONLY", "TRYCREATE"),
    *("UNKNOWN-CTE", "NOTSAVED", "CLOSED", "UIDNOTSTICKY", "THROTTLED", "UIDVALIDITY 7", "X-ODD", "COPYUID 1 1 1", "("),
)
"""RFC 5530 §3, RFC 9051 §7.1 and §11, what providers say beyond them, and some that mean nothing here."""

Faults = tuple[Fault, ...]

REFUSALS: Mapping[str, Faults] = {
    **{f"NO [{code}]": (Answer("NO", "scripted", code),) for code in CODES},
    "NO": (Answer("NO", "no"),),
    "NO without text": (Answer("NO", ""),),
    "BAD": (Answer("BAD", "bad"),),
    "BAD, half dead": (Answer("BAD", "User is authenticated but not connected."),),
    "NO with a back-off": (Answer("NO", "Request is throttled. Suggested Backoff Time: 9000 milliseconds"),),
}
"""Ends of a command that leave the connection of use."""

FEW_REFUSALS: Mapping[str, Faults] = {
    name: REFUSALS[name] for name in ("NO [UNAVAILABLE]", "NO [SERVERBUG]", "NO [EXPUNGEISSUED]", "NO", "BAD")
}
"""Where codes make no difference to what is done."""

ENDS: Mapping[str, Faults] = {
    "BYE": (Bye("going down"),),
    "BYE [UNAVAILABLE]": (Bye("going down", "UNAVAILABLE"),),
    "BYE [LIMIT]": (Bye("too many", "LIMIT"),),
    "BYE and silence": (Say(b"* BYE going down\r\n"), Hang()),
    "close": (Close(),),
    "reset": (Reset(),),
    "close in a line": (Say(b"* OK stil"), Close()),
    "close in a literal": (Say(b"* LIST () {20}\r\nabc"), Close()),
}
"""Connections that end."""

SILENCES: Mapping[str, Faults] = {
    "hang": (Hang(),),
    "hang in a line": (Say(b"* OK stil"), Hang()),
    "hang in a literal": (Say(b"* LIST () {20}\r\nabc"), Hang()),
    "chatter": (Chatter(every=3),),
    "chatter of flags": (Chatter(b"* 1 FETCH (FLAGS (\\Seen))\r\n", every=1),),
    "chatter of empty lines": (Chatter(b"\r\n", every=1),),
    "chatter without an end of line": (Chatter(b"x", every=1),),
    "drip": (Drip(1, every=1), Say(b"* OK " + 100 * b"x" + b"\r\n")),
}
"""What must be given up after `upstream_timeout`."""

NONSENSE: Mapping[str, Faults] = {
    "another's tag": (Say(b"ZZ99 OK done\r\n"),),
    "tag of later": (Say(b"A999 OK done\r\n"),),
    "no tag": (Say(b"OK done\r\n"),),
    "junk": (Say(b"\x00\xff\xfe junk\r\n"),),
    "HTTP": (Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),),
    "a NUL": (Say(b"* 1 FETCH (FLAGS (\\Se\x00en))\r\n"),),
    "a second greeting": (Say(b"* PREAUTH again\r\n"),),
    "number 0": (Say(b"* 0 FETCH (UID 1)\r\n"),),
    "UID 0": (Say(b"* 1 FETCH (UID 0)\r\n"),),
    "a number out of range": (Say(b"* 99999999999 EXISTS\r\n"),),
    "EXPUNGE of 0": (Say(b"* 0 EXPUNGE\r\n"),),
    "a FETCH that is no list": (Say(b"* 1 FETCH 7\r\n"),),
    "an open parenthesis": (Say(b"* 1 FETCH (UID 1\r\n"),),
    "a parenthesis too many": (Say(b"* 1 FETCH (UID 1))\r\n"),),
    "a quote without an end": (Say(b'* LIST () "/ INBOX\r\n'),),
    "100,000 parentheses": (Say(b"* 1 FETCH " + 100_000 * b"(" + b"\r\n"),),
    "60,000 parentheses": (Say(b"* LIST " + 60_000 * b"(" + b"\r\n"),),
    "a line of 1 MB": (Say(b"* OK " + 1_000_000 * b"x" + b"\r\n"),),
    "a line of 1 MB of numbers": (Say(b"* SEARCH" + 500_000 * b" 1" + b"\r\n"),),
    "a literal of 10 GB": (Say(b"* LIST () NIL {10000000000}\r\n"), Flood(65_536 * b"x", 4), Hang()),
    "a literal of 10 GB nobody knows": (Say(b"* XODD {10000000000}\r\n"), Flood(65_536 * b"x", 4), Hang()),
    "a literal of a size that is none": (Say(b"* LIST () NIL {99999999999999999999}\r\n"),),
    "a negative literal": (Say(b"* LIST () NIL {-1}\r\n"),),
    "VANISHED of nothing": (Say(b"* VANISHED\r\n"),),
    "a set that is none": (Say(b"* VANISHED 5:x\r\n"),),
}
"""What cannot be IMAP, or goes beyond what is taken: the connection is of no more use, or it is read past."""

ODDITIES: Mapping[str, Faults] = {
    "segments of one octet": (Drip(1, every=0),),
    "an unknown response": (Say(b'* XODD (a "b" {3}\r\nabc) 7\r\n'),),
    "an unknown number": (Say(b"* 7 XODD\r\n"),),
    "a continuation nobody asked for": (Say(b"+ go on\r\n"),),
    "an empty line": (Say(b"\r\n"),),
    "bare LF": (Alter(lambda octets: octets.replace(b"\r\n", b"\n")),),
    "small letters": (Alter(lambda octets: octets.replace(b" OK ", b" ok ").replace(b" EXISTS", b" exists")),),
    "flags of another message": (Say(b"* 3 FETCH (FLAGS (\\Seen))\r\n"),),
    "a row without UID": (Say(b"* 1 FETCH (RFC822.SIZE 5)\r\n"),),
    "a text nobody asked for": (Say(b"* 1 FETCH (BODY[] {5}\r\nhello)\r\n"),),
    "a text of a UID that is none of ours": (Say(b"* 1 FETCH (UID 77 BODY[] {5}\r\nhello)\r\n"),),
    "an alert": (Say(b"* OK [ALERT] the disk is nearly full\r\n"),),
    "NO, untagged": (Say(b"* NO the disk is nearly full\r\n"),),
    "BAD, untagged": (Say(b"* BAD what was that?\r\n"),),
    "a search nobody asked for": (Say(b"* SEARCH 1 2\r\n"),),
    "an empty LIST": (Say(b'* LIST () "/" ""\r\n'),),
    "a quota nobody asked for": (Say(b'* QUOTA "" (STORAGE 1 2)\r\n'),),
    "a changed UIDVALIDITY of nothing": (Say(b"* OK [UIDVALIDITY 0] odd\r\n"),),
    "NIL everywhere": (Say(b"* 1 FETCH (UID 1 BODY[] NIL)\r\n"),),
}
"""What is unusual or out of order, and hurts nothing."""

ALL: Mapping[str, Faults] = {**REFUSALS, **ENDS, **SILENCES, **NONSENSE, **ODDITIES}
FEW: Mapping[str, Faults] = {
    name: ALL[name]
    for name in (
        *("NO [UNAVAILABLE]", "NO", "BAD", "BYE", "close", "reset", "close in a literal", "hang", "chatter", "drip"),
        *("junk", "another's tag", "segments of one octet"),
    )
}
"""One of each kind, for commands whose answers are read by what reads all others."""
