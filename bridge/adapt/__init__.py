"""What a device gets in place of, or besides, a message's own octets. Deterministic, and pure."""

from bridge.adapt.editing import HeaderEditing, extra
from bridge.adapt.stubs import STUB_OCTETS, position_stub

__all__ = ["STUB_OCTETS", "HeaderEditing", "extra", "position_stub"]
