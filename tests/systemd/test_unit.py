"""The unit as files: how exposed it is, and that it says what the program does."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent.parent / "systemd"
MOST_EXPOSED = 1.6


class Unit(configparser.RawConfigParser):
    """A unit file; a key given twice keeps its last value."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False)
        self.read_string((UNITS / name).read_text())

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_the_service_is_hardly_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / "popbridge.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze judges no unit that is not loaded")
    found = re.search(r"Overall exposure level for popbridge.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found.group(1)) <= MOST_EXPOSED


def test_the_service_says_what_the_program_does() -> None:
    service = Unit("popbridge.service")["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"] == "/opt/popbridge/bin/popbridge serve"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["RestartPreventExitStatus"] == "2"
    assert (service["StateDirectory"], service["RuntimeDirectory"]) == ("popbridge", "popbridge")


@pytest.mark.parametrize(("unit", "name"), [("popbridge.socket", "pop3"), ("popbridge-tls.socket", "pop3s")])
def test_sockets_are_passed_by_name(unit: str, name: str) -> None:
    assert Unit(unit)["Socket"]["FileDescriptorName"] == name
    assert f'address = "systemd:{name}"' in (UNITS / unit).read_text()


def test_the_installer_lays_down_every_unit() -> None:
    script = (UNITS.parent / "deploy" / "install.sh").read_text()
    for unit in UNITS.iterdir():
        assert unit.name in script


def test_the_installer_is_a_valid_script() -> None:
    subprocess.run(["sh", "-n", str(UNITS.parent / "deploy" / "install.sh")], check=True)
