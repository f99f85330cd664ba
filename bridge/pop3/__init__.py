"""The POP3 server's side of the protocol, sans-IO."""

from bridge.pop3.capabilities import Features
from bridge.pop3.connection import Pop3Connection, ResponseCode
from bridge.pop3.events import (
    Closed,
    Dele,
    Event,
    Last,
    List,
    Login,
    NeedData,
    Quit,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
)
from bridge.pop3.listing import scan_lines, uidl_lines
from bridge.pop3.states import State
from bridge.pop3.top import TopCut

__all__ = [
    "Closed",
    "Dele",
    "Event",
    "Features",
    "Last",
    "List",
    "Login",
    "NeedData",
    "Pop3Connection",
    "Quit",
    "ResponseCode",
    "Retr",
    "Rset",
    "StartTls",
    "Stat",
    "State",
    "Top",
    "TopCut",
    "UidlAsked",
    "scan_lines",
    "uidl_lines",
]
