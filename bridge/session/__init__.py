"""One device connection, from greeting to close."""

from bridge.session.ahead import Allowance
from bridge.session.device import DeviceSession, Services
from bridge.session.doorkeeper import ConfiguredDoorkeeper, Hashed
from bridge.session.gate import Gate
from bridge.session.lease import Leases
from bridge.session.listings import Listings
from bridge.session.passing import PassingDoorkeeper
from bridge.session.ports import Standing
from bridge.session.proving import derived
from bridge.session.reception import introduced
from bridge.session.retention import expire_for_strangers
from bridge.session.sharing import SharedFetches

__all__ = [
    "Allowance",
    "ConfiguredDoorkeeper",
    "DeviceSession",
    "Gate",
    "Hashed",
    "Leases",
    "Listings",
    "PassingDoorkeeper",
    "Services",
    "SharedFetches",
    "Standing",
    "derived",
    "expire_for_strangers",
    "introduced",
]
