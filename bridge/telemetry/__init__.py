"""What popbridge tells its admin: logs, counters, and the instants of crash tests."""

from bridge.telemetry.counters import count, counters
from bridge.telemetry.instants import instant, set_instant_hook
from bridge.telemetry.logs import announce, configure, get_logger
from bridge.telemetry.seldom import Seldom

__all__ = ["Seldom", "announce", "configure", "count", "counters", "get_logger", "instant", "set_instant_hook"]
