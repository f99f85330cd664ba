"""The control door: how the command line talks to a running daemon. One JSON object per line, both ways."""

from bridge.control.client import ControlAbsent, ControlFailed, ask
from bridge.control.server import Handler, Progress, serve_control

__all__ = ["ControlAbsent", "ControlFailed", "Handler", "Progress", "ask", "serve_control"]
