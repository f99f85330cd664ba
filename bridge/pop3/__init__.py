"""POP3 as a server speaks it, without sockets (RFC 1939): `Pop3Connection`, what it gives, and reply makers."""

from bridge.pop3.answering import ready_reply
from bridge.pop3.connection import Pop3Connection
from bridge.pop3.events import (
    AskSalt,
    Closed,
    CloseReason,
    Dele,
    Event,
    Last,
    List,
    Login,
    NeedData,
    Prove,
    Proven,
    Quit,
    Request,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
)
from bridge.pop3.features import Features
from bridge.pop3.listing import SLICE, scan_lines, uidl_lines
from bridge.pop3.replies import ResponseCode
from bridge.pop3.states import State
from bridge.pop3.top import TopCut

__all__ = [
    "SLICE",
    "AskSalt",
    "CloseReason",
    "Closed",
    "Dele",
    "Event",
    "Features",
    "Last",
    "List",
    "Login",
    "NeedData",
    "Pop3Connection",
    "Prove",
    "Proven",
    "Quit",
    "Request",
    "ResponseCode",
    "Retr",
    "Rset",
    "StartTls",
    "Stat",
    "State",
    "Top",
    "TopCut",
    "UidlAsked",
    "ready_reply",
    "scan_lines",
    "uidl_lines",
]
