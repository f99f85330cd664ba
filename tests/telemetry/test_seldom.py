"""Lines that somebody outside brings about at will stay few, and tell how many there were."""

from bridge.telemetry import Seldom
from bridge.telemetry.seldom import FROM_ALL, FROM_ALL_A_SECOND, FROM_ONE, FROM_ONE_A_SECOND


class Paper:
    """What was written, and the time."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.now = 1000.0
        self.log = Seldom(self, lambda: self.now)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


def test_one_source_is_heard_some_times_then_counted() -> None:
    paper = Paper()
    for number in range(100):
        paper.log.info("closed", "192.0.2.1", number=number)
    assert len(paper.lines) == FROM_ONE
    paper.log.info("closed", "192.0.2.2", number=100)
    assert paper.lines[-1] == ("closed", {"number": 100, "left_out": 100 - FROM_ONE})
    paper.now += 1 / FROM_ONE_A_SECOND
    for number in (101, 102):
        paper.log.info("closed", "192.0.2.1", number=number)
    assert paper.lines[-1] == ("closed", {"number": 101})


def test_many_sources_are_heard_no_more_often() -> None:
    paper = Paper()
    for number in range(10_000):
        paper.log.info("closed", f"source {number}")
    assert len(paper.lines) == FROM_ALL
    paper.now += 1 / FROM_ALL_A_SECOND
    paper.log.info("closed", "192.0.2.1")
    assert paper.lines[-1] == ("closed", {"left_out": 10_000 - FROM_ALL})
    paper.now += 3600
    for number in range(10_000):
        paper.log.info("closed", f"source {number}")
    assert len(paper.lines) == 2 * FROM_ALL + 1


def test_a_flood_of_one_event_hides_no_other() -> None:
    paper = Paper()
    for number in range(10_000):
        paper.log.info("closed", f"source {number}")
    paper.log.info("failed", "source 1", login="fax")
    assert paper.lines[-1] == ("failed", {"login": "fax"})
