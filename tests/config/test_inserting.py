"""A table is put into a configuration, and every line that was there stays, in its order."""

import tomllib
from pathlib import Path

import pytest

from bridge.config.describe import example
from bridge.config.inserting import NoPlace, insert

KEYS = {"password_hash": ["scrypt$…", 'a "quoted" one'], "sources": ["family"], "max_deletes": 5}
OAUTH = {"oauth": {"client_id": "a", "tenant": "b"}, "user": "bob"}

FILE = """\
# The bridge of a family.
[server]
log = "json"   # for the journal

[account.family]      # mine
host = "imap.example.org"
user = "anna"

# --- devices

[device.fax]
sources = [
    "family",   # all of it
]

# --- the end
"""


def lines_stay(before: str, after: str) -> bool:
    """Tell whether every line of a text is in another, in its order; empty ones aside."""
    rest = iter(after.splitlines())
    return all(line in rest for line in before.splitlines() if line)


def test_a_device_comes_behind_the_last_one_and_its_comments() -> None:
    after = insert(FILE, "device", "den", KEYS)
    assert after == FILE + (
        '\n[device.den]\npassword_hash = ["scrypt$…", "a \\"quoted\\" one"]\nsources = ["family"]\nmax_deletes = 5\n'
    )


def test_keys_that_are_switched_off_stay_with_their_table() -> None:
    after = insert(example(), "account", "work", {"user": "bob"})
    (end,) = [at for at, line in enumerate(after.split("\n")) if line == "[account.work]"]
    assert after.split("\n")[end - 2] == "# quirks = []"
    assert after.split("\n")[end + 2 : end + 4] == ["", "[device.fax]"]


def test_an_account_comes_in_front_of_what_introduces_the_devices() -> None:
    after = insert(FILE, "account", "work", {"user": "bob"})
    assert '\nuser = "anna"\n\n[account.work]\nuser = "bob"\n\n# --- devices\n' in after
    assert lines_stay(FILE, after)


def test_the_first_account_comes_before_the_devices() -> None:
    text = '[server]\nlog = "json"\n\n# devices\n[device.fax]\nsources = []\n'
    assert insert(text, "account", "a", {"user": "x"}) == (
        '[server]\nlog = "json"\n\n[account.a]\nuser = "x"\n\n# devices\n[device.fax]\nsources = []\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "[server]",
        "[server]\n\n\n\n",
        FILE,
        example(),
        '[device.fax]\n[account.a]\nx = 1\n[device."the den"]\ny = 2\n[[listener]]\naddress = "a"\n',
        'device.fax.sources = ["a"]\n[server]\n',
        "[device]\nfax = { sources = [] }\n",
        'device = { fax = { sources = ["a"] } } # one line\n[server]\nlog = "json"\n',
        "x = \"\"\"\n[device.fake]\n\"\"\"\n[account.a]\nnote = '''\n[device.fake]\n# --- not a comment\n'''\n",
        "[device.fax]\nsources = [\n[1],\n[2]\n]\n# end",
        "[account.a]\n[account.a.oauth]\nflow = 'device'\n# for devices\n[device.fax]\n",
    ],
)
@pytest.mark.parametrize("returns", [False, True])
@pytest.mark.parametrize("section", ["device", "account"])
def test_what_is_there_means_what_it_meant(text: str, returns: bool, section: str) -> None:
    text = text.replace("\n", "\r\n") if returns else text
    after = insert(text, section, "new one", KEYS)
    meant, means = tomllib.loads(text), tomllib.loads(after)
    assert means[section].pop("new one") == KEYS
    if not means[section] and section not in meant:
        del means[section]
    assert means == meant
    assert not (returns and "\n" in text) or after.count("\n") == after.count("\r\n")
    assert lines_stay(text, after) or text.startswith("device = {")


def test_lines_that_end_in_both_ways_stay_so() -> None:
    after = insert("[server]\r\nlog = 'json'\n", "device", "a", {"x": 1})
    assert after == "[server]\r\nlog = 'json'\n\n[device.a]\nx = 1\n"


@pytest.mark.parametrize("text", ["[device.fax]\n", "device = 5\n", "[[device]]\n"])
def test_what_is_there_already_or_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(NoPlace):
        insert(text, "device", "fax", KEYS)


@pytest.mark.parametrize("text", ["", FILE, "account = {}\n"])
def test_a_table_in_it_is_written_in_one_line(text: str) -> None:
    after = insert(text, "account", "work", OAUTH)
    assert tomllib.loads(after)["account"]["work"] == OAUTH
    assert 'oauth = {client_id = "a", tenant = "b"}' in after


def test_no_name_breaks_out_of_its_header() -> None:
    name = 'a"]\n[server]\nlog = "x'
    assert tomllib.loads(insert("", "device", name, {"x": 1})) == {"device": {name: {"x": 1}}}


def test_the_example_takes_a_device(tmp_path: Path) -> None:
    after = insert(example(), "device", "den", KEYS)
    assert after.rstrip().endswith("max_deletes = 5")
