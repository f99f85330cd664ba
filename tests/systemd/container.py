"""A small Debian with systemd in a container: made once, copied for each run, thrown away."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
CACHE = REPOSITORY / ".cache" / "systemd-root"
SUITE = "bookworm"
PYTHON = "3.11"
"""The Python of that suite: the wheels are chosen for it."""

PACKAGES = "systemd systemd-sysv dbus python3 python3-venv procps curl dovecot-imapd"
TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "script": "bsdutils"}

BOOT_SECONDS = 300
"""Longer than all the steps inside take on a busy machine."""

SERVICE = """\
[Unit]
Description=what the test does inside
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /src/inside.sh
ExecStopPost=/bin/systemctl --no-block --force poweroff
"""


def missing() -> str:
    """Say why no container can be run here, or give an empty text."""
    if os.geteuid() != 0:
        return "a container needs root"
    absent = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    return f"not installed (Debian): {' '.join(absent)}" if absent else ""


def run(*command: str | Path, seconds: float = 900) -> str:
    """Run a command and give its output; raise with that output when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def base() -> Path:
    """Give the directory of the small Debian, made when it is not there. Takes a minute or two, and the network."""
    if not (CACHE / "made").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        include = ",".join(PACKAGES.split())
        run("debootstrap", "--variant=minbase", f"--include={include}", SUITE, CACHE / "root", *_mirror())
        (CACHE / "made").touch()
    return CACHE / "root"


def _mirror() -> list[str]:
    """Give the mirror that this machine's apt takes the suite from, or nothing for debootstrap's own."""
    if shutil.which("apt-get") is None:
        return []
    listed = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    found = [line.split()[0] for line in listed.splitlines() if line.endswith(f" {SUITE} main")]
    return found[:1]


def wheels(directory: Path) -> None:
    """Put popbridge's wheel and those of its dependencies, for the container's Python, into `directory`."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", directory, REPOSITORY)
    [own] = directory.glob("popbridge-*.whl")
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(17, 37)] + [f"manylinux2014_{machine}"]
    chosen = [word for each in platforms for word in ("--platform", each)]
    target = ["--python-version", PYTHON, "--implementation", "cp", "--only-binary", ":all:"]
    run(*pip, "download", "--quiet", "--dest", directory, *target, *chosen, own)


def prepare(root: Path, message: bytes) -> None:
    """Copy the small Debian to `root` and lay in what the steps inside need."""
    run("cp", "-a", "--reflink=auto", base(), root)
    (root / "wheels").mkdir()
    wheels(root / "wheels")
    for name in ("deploy", "systemd"):
        shutil.copytree(REPOSITORY / name, root / "src" / name)
    shutil.copy(Path(__file__).with_name("inside.sh"), root / "src" / "inside.sh")
    (root / "src" / "message").write_bytes(message)
    unit = root / "etc/systemd/system/inside.service"
    unit.write_text(SERVICE)
    wanted = root / "etc/systemd/system/default.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / unit.name).symlink_to(f"/etc/systemd/system/{unit.name}")


def boot(root: Path) -> str:
    """Boot the container, wait until it powers off, and give its console. It has a loopback and no other network."""
    nspawn = f"systemd-nspawn -D '{root}' --register=no --keep-unit --private-network -b"
    environ = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    # It wants a terminal, which `script` gives it; the output goes to a file, since a pipe would end it early.
    console = root.with_suffix(".console")
    with console.open("wb") as out:
        subprocess.run(
            ["script", "-qec", nspawn, "/dev/null"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environ,
            check=False,
            timeout=BOOT_SECONDS,
        )
    return console.read_text(errors="replace")
