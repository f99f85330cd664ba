"""A process that has too few file descriptors."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.siege.besieged import PASSWORD, besieged
from tests.support.certificates import Certificate
from tests.support.device import Device
from tests.support.ports import wait_until

FEW = 80
"""Descriptors: enough to start with, and not for 2,000 sessions."""


@contextmanager
def soft_limit(descriptors: int) -> Iterator[None]:
    """Let processes that are started in the block have a soft limit of so many, and the hard one as it is."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_as_far_as_sessions_need(tmp_path: Path, certificate: Certificate) -> None:
    with soft_limit(256), besieged(tmp_path, certificate) as place:
        soft, _ = resource.prlimit(place.bridge.pid, resource.RLIMIT_NOFILE)
        assert soft >= 2000 + 100


def test_without_descriptors_those_inside_are_served_and_others_later(tmp_path: Path, certificate: Certificate) -> None:
    with besieged(tmp_path, certificate) as place, Device(place.door()) as inside, ExitStack() as crowd:
        inside.login("owner", PASSWORD)
        before = resource.prlimit(place.bridge.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(place.bridge.pid, resource.RLIMIT_NOFILE, (FEW, before[1]))
        waiting = [crowd.enter_context(place.attacker(f"127.6.0.{number}")) for number in range(1, FEW + 1)]
        place.bridge.wait_for_log("listener.failing")
        assert b"letter" in inside.retr(1)
        resource.prlimit(place.bridge.pid, resource.RLIMIT_NOFILE, before)
        assert all(each.line().startswith(b"+OK") for each in waiting)
        assert b"letter" in inside.retr(2)
        assert place.bridge.log.count("listener.failing") == 1
        crowd.close()
        wait_until(lambda: place.poll("thief") < 5, 10, "an honest session")


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 100_000, reason="the hard limit is no limit here")
def test_a_hard_limit_bounds_the_sessions(tmp_path: Path, certificate: Certificate) -> None:
    with besieged(tmp_path, certificate, server={"max_sessions": 100_000}) as place:
        said = place.bridge.wait_for_log("descriptors.few")
        hard = resource.prlimit(place.bridge.pid, resource.RLIMIT_NOFILE)[1]
        assert f"limit={hard} " in said
        assert int(said.rpartition("sessions=")[2]) < hard
