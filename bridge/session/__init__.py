"""One device connection, from greeting to close."""

from bridge.session.device import DeviceSession, Services
from bridge.session.doorkeeper import ConfiguredDoorkeeper
from bridge.session.gate import Gate
from bridge.session.lease import Leases

__all__ = ["ConfiguredDoorkeeper", "DeviceSession", "Gate", "Leases", "Services"]
