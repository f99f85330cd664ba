"""Unique-ids that follow from where messages lie: each format as its server makes it, and which are believed."""

import poplib
import re

import pytest

from bridge.former.formats import KNOWN, computed, known_formats, parse
from bridge.former.records import UNIQUE_ID
from bridge.model.failures import WrongRequest
from tests.former.support import UIDVALIDITY, candidate, message
from tests.support.dovecot import Dovecot, dovecot_missing


@pytest.mark.parametrize(
    ("text", "uidl"),
    [
        ("dovecot", "000000ff6553f100"),
        ("uw", "6553f100000000ff"),
        ("cyrus", "1700000000.255"),
        ("courier", "1700000000-255"),
        ("courier-uid", "UID255-1700000000"),
        ("uid", "255"),
        ("%08Xu%08Xv", "000000ff6553f100"),
        ("%{uid | hex(8)}%{uidvalidity | hex(8)}", "000000ff6553f100"),
        ("%{uidvalidity}-%{uid|hex|upper}", "1700000000-FF"),
        ("%XUu", "FF"),
        ("%UXu", "FF"),
        ("%Lu", "255"),
        ("%06u", "000255"),
        ("%2u", "25"),
        ("%01v.%u", "1700000000.255"),
        ("100%%u%u", "100%u255"),
    ],
)
def test_formats(text: str, uidl: str) -> None:
    assert parse(text).of(candidate(1, uid=255)) == uidl
    assert UNIQUE_ID.fullmatch(uidl)


def test_gmail() -> None:
    assert parse("gmail").of(candidate(1, provider="gmail:1278455344230334865")) == "GmailId11bdfc5cae0c8191"
    assert parse("gmail").of(candidate(1, provider="emailid:M6d99ac3275bb4e")) == ""
    assert parse("gmail").of(candidate(1)) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dovcot", "there is no format of unique-ids 'dovcot': say dovecot, uw,"),
        ("", "there is no format"),
        ("%v", "needs the UID"),
        ("%f", "file names are not told over IMAP"),
        ("%u%g", "GUIDs are not told"),
        ("%Mf", "file names are not told"),
        ("%{md5}", "digests of the mailbox file"),
        ("%{user}%u", "'user' is nothing that a unique-id is made of"),
        ("%u%q", "behind the '%' at character 3"),
        ("%u%", "behind the '%' at character 3"),
        ("%Ru", "modifier 'R'"),
        ("%{uid | sha1}", "a filter in the format"),
        ("%{uid hex}", "a filter in the format"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    with pytest.raises(WrongRequest, match=re.escape(told)):
        parse(text)


def test_the_format_is_found_by_trying() -> None:
    messages = [candidate(n, uid=n) for n in range(1, 6)]
    for name in KNOWN.keys() - {"uid"}:
        ids = [parse(name).of(each) for each in messages[:4]]
        found = computed(known_formats(), [*ids, "other"], messages, asked_for=False)
        assert {uidl: (each.seq, told) for uidl, (each, told) in found.items()} == {
            uidl: (seq, name) for seq, uidl in enumerate(ids, 1)
        }


@pytest.mark.parametrize(("name", "uidvalidity"), [("uid", UIDVALIDITY), ("cyrus", 1), ("dovecot", 7)])
def test_ids_that_could_be_anybody_s_are_believed_only_when_asked_for(name: str, uidvalidity: int) -> None:
    messages = [candidate(n, uid=n, uidvalidity=uidvalidity) for n in range(1, 6)]
    ids = [parse(name).of(each) for each in messages]
    assert computed(known_formats(), ids, messages, asked_for=False) == {}
    assert len(computed([parse(name)], ids, messages, asked_for=True)) == 5


def test_an_id_that_fits_two_mailboxes_is_the_inbox_s_or_nobody_s() -> None:
    inbox, sent, junk = (candidate(n, uid=9, source=n, inbox=n == 1) for n in (1, 2, 3))
    ids = [parse("dovecot").of(inbox)]
    for messages, seqs in (([sent, inbox, junk], [1]), ([sent, junk], []), ([sent], [2])):
        found = computed(known_formats(), ids, messages, asked_for=False)
        assert [each.seq for each, _ in found.values()] == seqs


def test_a_message_is_given_to_one_id() -> None:
    """A server that changed its format, and a program that remembers both: the format with more ids goes first."""
    messages = [candidate(1, uid=1), candidate(2, uid=2)]
    ids = [parse("cyrus").of(messages[0]), *(parse("dovecot").of(each) for each in messages)]
    found = computed(known_formats(), ids, messages, asked_for=False)
    assert {uidl: each.seq for uidl, (each, _) in found.items()} == {ids[1]: 1, ids[2]: 2}


@pytest.mark.parametrize(
    "text", ["%08Xu%08Xv", "%08Xv%08Xu", "%v.%u", "%v-%u", "UID%u-%v", "%5v.%3u", "%05u.%XUv", "a%%%u"]
)
def test_dovecot_makes_the_same(text: str) -> None:
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(extra=f"pop3_uidl_format = {text}") as dovecot:
        user = dovecot.fresh_user()
        uids = dovecot.append_all(user, [message(word) for word in "abc"])
        with dovecot.client(user) as imap:
            told = imap.status("INBOX", "(UIDVALIDITY)")[1][0]
        pop3 = poplib.POP3(dovecot.host, dovecot.pop3_port, timeout=60)
        pop3.user(user)
        pop3.pass_(dovecot.users[user])
        listed = [line.decode().split(" ", 1)[1] for line in pop3.uidl()[1]]
        pop3.quit()
    validity = re.search(rb"UIDVALIDITY (\d+)", told)
    assert validity is not None
    made = [parse(text).of(candidate(uid, uid=uid, uidvalidity=int(validity[1]))) for uid in uids]
    assert made == listed
