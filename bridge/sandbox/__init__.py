"""A small scripted IMAP server in memory: the demo's upstream and, with fault scripts, the tests'.

It shares no parser with `bridge/imap`: each is the other's referee.
"""

from bridge.sandbox.faults import FaultScript, Moment, Rule, Script
from bridge.sandbox.mailbox import SandboxMailbox, SandboxMessage
from bridge.sandbox.server import ALL_CAPABILITIES, SandboxServer, SandboxUser

__all__ = [
    "ALL_CAPABILITIES",
    "FaultScript",
    "Moment",
    "Rule",
    "SandboxMailbox",
    "SandboxMessage",
    "SandboxServer",
    "SandboxUser",
    "Script",
]
