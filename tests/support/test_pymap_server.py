"""The second reference upstream gives back what was put in."""

from pathlib import Path

from tests.support.pymap_server import PymapServer


def test_appended_octets_come_back_by_uid(tmp_path: Path) -> None:
    with PymapServer(tmp_path) as server:
        message = b"Subject: one\r\n\r\n.dot\r\n"
        uids = server.append_all("anna", [message, message])
        assert server.fetch_all("anna") == dict.fromkeys(uids, message)
