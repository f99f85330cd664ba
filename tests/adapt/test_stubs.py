"""What stands in the place of a message that is gone: a message that any device can read."""

import email
import email.policy

import pytest

from bridge.adapt import STUB_OCTETS, position_stub
from bridge.octets import CrlfRepair

UIDLS = ["0" * 32, "f" * 32, "!", "~" * 70, ""]


@pytest.mark.parametrize("uidl", UIDLS)
def test_every_stub_is_as_long(uidl: str) -> None:
    assert len(position_stub(uidl)) == STUB_OCTETS


def test_a_stub_is_a_message() -> None:
    message = email.message_from_bytes(position_stub(UIDLS[0]), policy=email.policy.default)
    assert message.defects == []
    assert all(message[name] for name in ("From", "Date", "Subject", "Message-ID"))
    assert "deleted" in message.get_content()


def test_a_stub_needs_no_repair_and_no_stuffing() -> None:
    stub = position_stub(UIDLS[0])
    repair = CrlfRepair()
    assert repair.feed(stub) + repair.finish() == stub
    assert b"\n." not in stub
    assert max(map(len, stub.split(b"\r\n"))) < 78


def test_a_stub_is_the_same_each_time_and_another_for_each_message() -> None:
    assert position_stub("a") == position_stub("a")
    assert len({position_stub(uidl) for uidl in UIDLS}) == len(UIDLS)
