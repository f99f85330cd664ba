"""Line ends come out the same whatever the chunks."""

import pytest

from bridge.octets import CrlfRepair
from bridge.pop3 import Features, Login, Pop3Connection, Stat

CASES = [(b"a\nb", b"a\r\nb\r\n"), (b"a\r\nb\r\n", b"a\r\nb\r\n"), (b"a\r\r\nb", b"a\r\nb\r\n"), (b"", b""), (b"a\r.b", b"a\r\n.b\r\n")]


@pytest.mark.parametrize(("given", "wanted"), CASES)
def test_whole_and_byte_by_byte(given: bytes, wanted: bytes) -> None:
    for size in (1, 2, max(len(given), 1)):
        repair = CrlfRepair()
        out = b"".join(repair.feed(given[at : at + size]) for at in range(0, len(given), size)) + repair.finish()
        assert (out, repair.octets) == (wanted, len(wanted))


def test_pipelined_login_keeps_order_and_blanks() -> None:
    pop3 = Pop3Connection(Features(tls=False, passwords=True))
    pop3.receive_data(b"user fax\npass a b \r\nstat\r\n")
    login = pop3.next_event()
    assert isinstance(login, Login)
    assert login.password.reveal() == "a b "
    pop3.login_accepted(1, 5)
    assert pop3.next_event() == Stat()
