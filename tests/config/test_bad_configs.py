"""The folder of mistakes: for each `bad/NAME.toml`, `bad/NAME.expected` has every line that is to be told."""

from pathlib import Path

import pytest

from bridge.config import load
from bridge.model.failures import ConfigError

BAD = Path(__file__).with_name("bad")
ENVIRON = {"HOME": "/home/anna", "PATH": "/usr/bin:/bin", "EMPTY": "", "CREDENTIALS_DIRECTORY": "/nonexistent"}


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.toml")))
def test_every_mistake_is_told_at_its_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load(Path(f"{name}.toml"), environ=ENVIRON)
    told = str(caught.value).replace(str(BAD), "DIR") + "\n"
    assert told == Path(f"{name}.expected").read_text(encoding="utf-8")
    assert "hunter2" not in told


def test_every_mistake_has_its_expected_lines() -> None:
    assert {path.stem for path in BAD.glob("*.toml")} == {path.stem for path in BAD.glob("*.expected")}
    assert len(list(BAD.glob("*.toml"))) > 30


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", environ={})
    assert caught.value.problems == [
        f"{tmp_path}/none.toml: the configuration cannot be read: No such file or directory"
    ]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, environ={})


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="is larger than 1048576 octets"):
        load(Path("/dev/zero"), environ={})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\na = " + "[" * 100_000, "2: has something nested too deeply"),
        ("\n\na = " + "{a=" * 100_000, "3: has something nested too deeply"),
        ("[server]\na = " + "9" * 100_000, "2: has a number that is too long"),
        ("\n" + ".".join(["a"] * 20_000) + " = 1", "2: has more than 2000 dots"),
        ("\n[" + ".".join(["a"] * 100) + "]", "2: has a key of too many parts"),
        ("\n\na = " + "{b=" * 100 + "1" + "}" * 100, "3: has a key of too many parts"),
    ],
)
def test_what_python_cannot_take_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "popbridge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"popbridge\.toml:{told}"):
        load(path, environ={})


@pytest.mark.parametrize("line", ["wrong{} = 1\n", "[[listener]]\n", "[device.a{}]\n"])
def test_of_very_many_mistakes_some_are_told(line: str, tmp_path: Path) -> None:
    path = tmp_path / "popbridge.toml"
    path.write_text("".join(line.format(number) for number in range(20_000)))
    with pytest.raises(ConfigError) as caught:
        load(path, environ={"HOME": "/home/anna"})
    assert len(caught.value.problems) == 1001
    assert caught.value.problems[-1].endswith("there are more mistakes than these 1000")


def test_nothing_a_terminal_acts_on_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mb.toml"
    path.write_text('"\\u001b]0;" = 1\n"\\u202e" = 2\n')
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert all(problem.isprintable() for problem in caught.value.problems)
