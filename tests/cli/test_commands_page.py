"""docs/commands.md is what the commands say of themselves."""

import pytest

from tests.support.commands_page import PAGE, commands, help_of, section, told

COMMANDS = list(commands())


def test_every_command_is_on_the_page_and_no_other() -> None:
    assert list(told(PAGE.read_text())) == COMMANDS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_its_help_is_what_it_prints(path: tuple[str, ...]) -> None:
    """Where this fails, `python -m tests.support.commands_page` writes the page anew."""
    assert told(PAGE.read_text()).get(path) == help_of(path)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_it_has_a_section_of_its_own(path: tuple[str, ...]) -> None:
    assert section(PAGE.read_text(), path).strip()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_its_options_say_what_they_do(path: tuple[str, ...]) -> None:
    assert "--help" in help_of(path)
    for line in help_of(path).partition("Options:\n")[2].splitlines():
        assert not line.startswith("  -") or len(line.split("  ")) > 2, f"no help for {line}"
