"""What is logged, and a disk that can really be full: a small file system of its own, where the tests may mount one."""

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.telemetry import configure

OCTETS = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 1 MiB, mounted for one test."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("DISK FULL IS NOT TESTED HERE: mounting a small file system needs root and mount(8)")
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={OCTETS}", "popbridge-test", str(disk)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"DISK FULL IS NOT TESTED HERE: a small file system cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what is logged."""
    out = io.StringIO()
    configure("console", "info", out)
    yield out
    configure()
