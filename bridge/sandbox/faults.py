"""What a fault script can do to the sandbox's connections, and when it is asked.

A script is asked at named points and answers with what is to happen there, or None for nothing. `Script` is the
usual one: rules, each for some moments, a number of times. Anything with a `consider` method will do as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

Point = Literal["greeting", "command", "literal", "tagged"]
"""Where a script is asked: before the greeting (TLS is up where implicit); when a command was read whole and before
it is carried out; before a literal is sent; before a command's tagged response is sent, its untagged ones sent."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One point that a connection has come to.

    `connection` counts from 1. `command` is in capitals with `UID `, `arguments` what followed, cut short and
    without secrets. `size` is the octets of the literal at hand. `user` and `mailbox` are empty until known.
    """

    point: Point
    connection: int
    command: str = ""
    arguments: str = ""
    size: int = 0
    user: str = ""
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """End the command with this tagged response instead of the true one. `code` comes without its brackets.

    At the point "command" the command is not carried out. At "greeting" it is the greeting; PREAUTH is only for there,
    and signs nobody in.
    """

    kind: Literal["OK", "NO", "BAD", "PREAUTH"]
    text: str = "scripted"
    code: str = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """Say BYE, untagged, and close."""

    text: str = "scripted"
    code: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, without a word."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Close with `Stream.abort`: at once, and with a reset where that gives one."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing more, and keep the connection open until the other end leaves."""


@dataclass(frozen=True, slots=True)
class Chatter:
    """Send `line` again and again, every `every` seconds, until the other end leaves."""

    line: bytes = b"* OK still here\r\n"
    every: float = 1.0


@dataclass(frozen=True, slots=True)
class Say:
    """Send these octets, `{tag}` replaced by the command's tag, and go on."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Drip:
    """From here on send at most `octets` at once, `every` seconds apart, and go on."""

    octets: int = 1
    every: float = 1.0


@dataclass(frozen=True, slots=True)
class Cut:
    """Of the literal at hand send the first `after` octets, then do `then`. Only at the point "literal"."""

    after: int
    then: "Close | Reset | Hang | Chatter"


@dataclass(frozen=True, slots=True)
class Do:
    """Call `what`, such as a change to a mailbox, and go on."""

    what: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Alter:
    """Have `how` alter all that the command sends, its tagged response included; nothing is sent before that. Only at
    the points "greeting" and "command".
    """

    how: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Flood:
    """Send `octets` again and again without a pause, `times` of them, None for ever; then go on. A function gives the
    piece of each number, from 0 on.
    """

    octets: bytes | Callable[[int], bytes]
    times: int | None = None


Fault = Alter | Flood | Answer | Bye | Close | Reset | Hang | Chatter | Say | Drip | Cut | Do


class FaultScript(Protocol):
    """What SandboxServer asks at each moment."""

    def consider(self, moment: Moment) -> tuple[Fault, ...]:
        """Give what is to happen now, in order; an empty tuple for nothing. Whatever ends the connection or the
        command comes last."""


@dataclass(slots=True)
class Rule:
    """Some faults for the moments that match: the first `skip` of them pass, the next `times` are struck.

    `command` is matched whole ("UID FETCH"), `arguments` as a part; what is empty or None matches all.
    """

    point: Point
    faults: Fault | tuple[Fault, ...]
    command: str = ""
    arguments: str = ""
    connection: int | None = None
    skip: int = 0
    times: int | None = 1
    seen: int = 0

    @property
    def struck(self) -> int:
        """How many times its faults happened."""
        past = max(0, self.seen - self.skip)
        return past if self.times is None else min(past, self.times)

    def strikes(self, moment: Moment) -> bool:
        """Count the moment if it matches, and tell whether the faults are to happen."""
        if not self._matches(moment):
            return False
        before = self.struck
        self.seen += 1
        return self.struck > before

    def _matches(self, moment: Moment) -> bool:
        return (
            moment.point == self.point
            and self.command in ("", moment.command)
            and self.arguments in moment.arguments
            and self.connection in (None, moment.connection)
        )


@dataclass(slots=True)
class Script:
    """Rules, of which every one that strikes at a moment adds its faults, in order. Rules may be added at any time."""

    rules: list[Rule] = field(default_factory=list)

    def add(self, rule: Rule) -> Rule:
        """Add a rule and give it back, so that a test can ask how often it struck."""
        self.rules.append(rule)
        return rule

    def consider(self, moment: Moment) -> tuple[Fault, ...]:
        """Give the faults of all rules that strike now."""
        found: list[Fault] = []
        for rule in self.rules:
            if rule.strikes(moment):
                found.extend(rule.faults if isinstance(rule.faults, tuple) else (rule.faults,))
        return tuple(found)
