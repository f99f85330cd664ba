"""The documents say what is so: links lead somewhere, commands and targets exist, the excerpt is the schema's."""

import re
from pathlib import Path

import pytest

from bridge.cli.app import COMMANDS
from bridge.config.describe import example

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_targets_exist(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"(?:^ {4}|`|bin/)popbridge ([a-z]+)", text, re.MULTILINE)
    assert set(commands) <= set(COMMANDS)
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_the_excerpt_is_the_schemas() -> None:
    found = re.search(
        r"<!-- excerpt -->\n```toml\n(.*?)\n```\n<!-- /excerpt -->", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert found is not None
    lines = [line for line in example().splitlines() if not line.startswith("#")]
    assert found[1] == re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
