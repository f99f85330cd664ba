"""The real unit under a real systemd: installed from the wheel, started, polled, reloaded, stopped, removed."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.systemd import container

MESSAGE = b"From: anna@example.org\r\nSubject: inside\r\n\r\n.dot\r\nend\r\n"
SECRETS = ("upstream-secret-7", "device-secret-fax-9", "device-secret-door-9")


class Outcome(NamedTuple):
    """What came out of the container."""

    steps: list[str]
    journal: str
    log: str


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Boot the container once, and give what happened inside."""
    if not request.config.getoption("--systemd"):
        pytest.skip("the container takes minutes: `make systemd` runs it")
    if missing := container.missing():
        pytest.skip(missing)
    root = tmp_path_factory.mktemp("container") / "root"
    container.prepare(root, MESSAGE)
    console = container.boot(root)
    result = root / "result"
    assert (result / "log").exists(), console
    yield Outcome(
        (result / "steps").read_text().splitlines(),
        (result / "journal").read_text() if (result / "journal").exists() else "",
        (result / "log").read_text(errors="replace"),
    )
    container.run("rm", "-rf", root)


@pytest.mark.timeout(1200)
def test_every_step_inside_went_well(outcome: Outcome) -> None:
    assert [step for step in outcome.steps if not step.startswith("ok ")] == [], outcome.log
    assert outcome.steps[-1] == "ok twice is no mistake", outcome.log


def test_the_journal_tells_and_keeps_secrets(outcome: Outcome) -> None:
    assert "listening address=" in outcome.journal
    assert "ready listeners=1" in outcome.journal
    assert [secret for secret in SECRETS if secret in outcome.journal] == []
