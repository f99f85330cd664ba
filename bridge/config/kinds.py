"""The kinds of values that several tables use."""

from typing import Annotated

from pydantic import Field

from bridge.config import values
from bridge.config.tables import Reads
from bridge.config.values import Address
from bridge.model.settings import Span, Way

Text = Annotated[str, Reads(values.text, "text")]
Name = Annotated[str, Reads(values.name, "name")]
FilePath = Annotated[str, Reads(values.file_name, "path")]
Mailbox = Annotated[str, Reads(values.mailbox, "mailbox")]
Network = Annotated[str, Reads(values.network, "network")]
Size = Annotated[int, Reads(values.size, "size")]
Switch = Annotated[bool, Reads(values.boolean, "`true` or `false`")]
TcpAddress = Annotated[Address | None, Reads(values.tcp_address, "address")]


def one_of(*names: str) -> Reads:
    """One of a few names."""
    return Reads(values.choice(*names), ", ".join(f'`"{name}"`' for name in names))


def seconds(lowest: float, highest: float = values.LONGEST, reason: str = "") -> Reads:
    """A duration within bounds."""
    return Reads(values.duration(lowest, highest, reason), "duration")


def number(lowest: int, highest: int) -> Reads:
    """A whole number within bounds."""
    return Reads(values.whole(lowest, highest), f"number from {lowest} to {highest}")


Auth = Annotated[Way, one_of("plain", "login", "scram-sha-256", "scram-sha-1", "cram-md5", "apop")]
AuthList = Annotated[list[Auth], Field(min_length=1)]
AnySpan = Annotated[Span, Reads(values.span, '`"all"`, an age such as `"30d"`, or a number')]
FirstContact = Annotated[Span, Reads(values.first_contact, '`"all"`, `"now"`, an age such as `"30d"`, or a number')]
