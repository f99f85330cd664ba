"""Commands run in this process, as somebody at a shell would without a terminal."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bridge.cli.app import popbridge


def run(config: Path, *arguments: str, stdin: str = "") -> Result:
    """Run a command and give its `exit_code`, `stdout` and `stderr`. A traceback is a failure of the test."""
    done = CliRunner().invoke(popbridge, [*arguments, "--config", str(config)], input=stdin, prog_name="popbridge")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def facts(config: Path, *arguments: str) -> dict[str, Any]:
    """Run a command with `--json` that must succeed, and give its object."""
    done = run(config, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["version"] == 1
    return found
