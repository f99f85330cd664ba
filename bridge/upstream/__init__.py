"""One IMAP account's connections: signing in, watching, reading, measuring, carrying out what QUIT promised."""

from bridge.upstream.account import Account
from bridge.upstream.health import AccountHealth, HealthState
from bridge.upstream.outcome import Outcome, Settled
from bridge.upstream.quiet import Quiet
from bridge.upstream.reader import ContentReader
from bridge.upstream.report import ProbedMailbox, ProbeReport
from bridge.upstream.stock import Stock
from bridge.upstream.usage import Usage
from bridge.upstream.watcher import Watcher

__all__ = [
    "Account",
    "AccountHealth",
    "ContentReader",
    "HealthState",
    "Outcome",
    "ProbeReport",
    "ProbedMailbox",
    "Quiet",
    "Settled",
    "Stock",
    "Usage",
    "Watcher",
]
