"""What the machine is, what processes take of it, and whether somebody else was using it meanwhile."""

import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from tests.support.dovecot import dovecot_version

TICK = os.sysconf("SC_CLK_TCK")

QUIET = 0.10
"""Cores that others may keep busy until a run counts as disturbed."""


def session_of(leader: int) -> list[int]:
    """Give the processes of the session that this process began: a Dovecot's are those of its master."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[3]) == leader]


def _stat(pid: int) -> list[str]:
    """Give /proc/PID/stat from the state on (proc(5)), nothing when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """Give the CPU seconds that these processes have taken so far, with those of their children that have ended."""
    return sum(int(each) for pid in pids for each in _stat(pid)[11:15]) / TICK


def pss(pids: Iterable[int]) -> int:
    """Give the octets of memory these processes hold, each shared page divided among who shares it."""
    return sum(_rollup(pid) for pid in pids)


def _rollup(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def resident(pid: int, what: str = "VmRSS") -> int:
    """Give a line of /proc/PID/status in octets: VmRSS is what is resident, VmHWM the most that ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def available() -> int:
    """Give the octets of memory that could be had."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def busy_cores(seconds: float = 1.0) -> float:
    """Give how many cores were busy while this process slept for so long."""
    before = _busy()
    time.sleep(seconds)
    return (_busy() - before) / TICK / seconds


def _busy() -> int:
    user, nice, system, _, _, irq, softirq = (int(each) for each in Path("/proc/stat").read_text().split()[1:8])
    return user + nice + system + irq + softirq


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def description(mail: str) -> list[tuple[str, str]]:
    """Give what a reader has to know to compare: pairs of a name and a text.

    `mail` is the directory that the upstream's mail lies in.
    """
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    commit = _said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    return [
        ("Machine", f"{os.cpu_count()} × {cpus[0] if cpus else platform.machine()}, {memory:.0f} GB, all on loopback"),
        ("System", f"{platform.system()} {platform.release()}; the upstream's mail lies in {mail}"),
        ("popbridge", f"{metadata.version('popbridge')}{f' ({commit})' if commit else ''}"),
        ("Python", f"{platform.python_version()}, Trio {metadata.version('trio')}, SQLite {sqlite3.sqlite_version}"),
        ("Dovecot", dovecot_version()),
        ("Command", " ".join(["python -m tests.bench", *sys.argv[1:]])),
    ]
