"""Pairing the former server's messages with those that popbridge shows."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.former.asking import ask
from bridge.former.failures import FormerFailed
from bridge.former.formats import Format, known_formats, parse
from bridge.former.headers import HeaderFields
from bridge.former.pairing import Known, Pairing, pair
from bridge.former.records import Candidate, FormerMessage, Progress
from bridge.model.names import EntrySeq, Uidl
from tests.former.support import candidate, message


def former(number: int, word: str, uidl: str = "", message_id: bool = True) -> FormerMessage:
    """Give a message that was looked at; without a word, one that was not."""
    header = HeaderFields()
    for line in message(word, message_id).split(b"\r\n"):
        header.take(line)
    fields = b"" if message_id else header.fields
    return FormerMessage(number, uidl or f"id{number}", header.identity() if word else "", fields)


def by_identity(messages: Sequence[FormerMessage], candidates: Sequence[Candidate]) -> dict[str, int]:
    """Pair, and give the ids with their entries."""
    return {uidl: seq for seq, uidl in pair(messages, Known(candidates, {}), ()).pairs}


def test_messages_are_paired_by_what_they_are() -> None:
    messages = [former(1, "a"), former(2, "b"), former(3, "c")]
    candidates = [candidate(11, "c"), candidate(12, "a"), candidate(13, "x"), candidate(14)]
    found = pair(messages, Known(candidates, {}), ())
    assert {uidl: seq for seq, uidl in found.pairs} == {"id1": 12, "id3": 11}
    assert found.ways == {"identity": 2}
    assert found.unpaired == ("id2",)
    assert [each.seq for each in found.new] == [13, 14]


def test_equal_messages_are_paired_in_order() -> None:
    messages = [former(3, "a"), former(1, "a"), former(2, "a")]
    known = [candidate(11, "a", uid=5), candidate(12, "a", uid=4)]
    assert by_identity(messages, known) == {"id1": 12, "id2": 11}
    # The device's order: sources as they are configured, then UIDs.
    spread = [candidate(11, "a", uid=1, source=1), candidate(12, "a", uid=9, source=0)]
    assert by_identity(messages, spread) == {"id1": 12, "id2": 11}


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
def test_as_many_as_both_sides_have(ours: list[str], theirs: list[str]) -> None:
    messages = [former(n, word) for n, word in enumerate(theirs, 1)]
    candidates = [candidate(n, word) for n, word in enumerate(ours, 1)]
    found = pair(messages, Known(candidates, {}), ())
    assert all(ours[seq - 1] == theirs[int(uidl[2:]) - 1] for seq, uidl in found.pairs)
    assert len(found.pairs) == (Counter(ours) & Counter(theirs)).total()
    assert len({seq for seq, _ in found.pairs}) == len({uidl for _, uidl in found.pairs}) == len(found.pairs)
    assert len(found.pairs) + len(found.unpaired) == len(theirs)
    assert len(found.pairs) + len(found.new) == len(ours)


def test_a_message_that_lies_in_two_places_is_one() -> None:
    places = [candidate(11, "a", source=1), candidate(11, "a", source=0), candidate(12, "a", source=2)]
    assert by_identity([former(1, "a"), former(2, "a"), former(3, "a")], places) == {"id1": 11, "id2": 12}


def test_messages_without_a_message_id_are_paired_by_trying_dates() -> None:
    candidates = [candidate(n, word, date=1000 + n, message_id=False) for n, word in enumerate("abca", 11)]
    messages = [former(1, "c", message_id=False), former(2, "a", message_id=False), former(3, "x", message_id=False)]
    assert by_identity(messages, candidates) == {"id1": 13, "id2": 11}


def test_what_has_nothing_to_be_known_by_is_not_paired() -> None:
    nothing = FormerMessage(1, "id1", "-")
    assert by_identity([nothing, former(2, "")], [candidate(11)._replace(content="-"), candidate(12)]) == {}


def test_what_was_imported_before_stays() -> None:
    candidates = [candidate(11, "a"), candidate(12, "b"), candidate(13, "c")]
    known = Known(candidates, {EntrySeq(11): Uidl("id1"), EntrySeq(12): Uidl("older")})
    found = pair([former(1, "a"), former(2, "b"), former(3, "c")], known, ())
    assert found.pairs == ((13, "id3"),)
    assert (found.same, found.unpaired, found.new) == (1, ("id2",), ())


def test_an_id_that_is_the_message_s_own_is_no_news() -> None:
    """The former server may have been another popbridge."""
    found = pair([former(1, "a", "own11")], Known([candidate(11, "a"), candidate(12, "b")], {}), ())
    assert (found.pairs, found.same) == ((), 1)
    assert [each.seq for each in found.new] == [12]


def test_an_id_that_is_another_message_s_is_never_given() -> None:
    found = pair([former(1, "a", "own12")], Known([candidate(11, "a"), candidate(12, "b")], {}), ())
    assert found.pairs == ()


def test_what_the_device_has_fetched_here_keeps_the_id_it_was_fetched_under() -> None:
    known = Known([candidate(11, "a"), candidate(12, "b")], {}, frozenset({EntrySeq(11)}))
    found = pair([former(1, "a"), former(2, "b"), former(3, "c")], known, ())
    assert (found.pairs, found.late, found.unpaired, found.new) == (((12, "id2"),), ("id1",), ("id3",), ())


def test_ids_that_pop3_does_not_allow_and_ids_given_twice_are_told() -> None:
    messages = [former(1, "a", "x" * 71), former(2, "b", "two words"), former(3, "c", "same"), former(4, "d", "same")]
    candidates = [candidate(n, word) for n, word in enumerate("abcd", 11)]
    found = pair([*messages, former(5, "e", "")], Known(candidates, {}), ())
    assert found.pairs == ((13, "same"),)
    assert found.repeated == ("same",)
    assert found.forbidden == ("x" * 71, "two words")


@pytest.mark.parametrize("uidl", ["!", "~" * 70, "<x@y>", "a:2,S"])
def test_any_id_that_pop3_allows_is_taken(uidl: str) -> None:
    assert by_identity([former(1, "a", uidl)], [candidate(11, "a")]) == {uidl: 11}


class Session:
    """A former server's session that knows what it was asked to look at."""

    def __init__(self, messages: Sequence[FormerMessage]) -> None:
        self._messages = {each.number: each for each in messages}
        self.looked_at: list[int] = []

    async def messages(self) -> list[FormerMessage]:
        return [FormerMessage(number, each.uidl) for number, each in self._messages.items()]

    async def look(self, messages: Sequence[FormerMessage], progress: Progress) -> list[FormerMessage]:
        self.looked_at += [each.number for each in messages]
        return [self._messages[each.number] for each in messages]


async def asked(
    session: Session, candidates: Sequence[Candidate], formats: Sequence[Format], *, asked_for: bool = False
) -> Pairing:
    """Ask, and give the pairs."""
    found, told = await ask(session, Known(candidates, {}), formats, lambda done, total: None, asked_for=asked_for)
    assert len(told) == len(session._messages)
    return found


WORDS = [f"word{n}" for n in range(1, 201)]
STORE = [candidate(n, word) for n, word in enumerate(WORDS, 1)]
SAME_STORE = [former(n, word, parse("dovecot").of(STORE[n - 1])) for n, word in enumerate(WORDS, 1)]


async def test_of_the_same_store_only_a_few_are_looked_at() -> None:
    session = Session(SAME_STORE)
    found = await asked(session, STORE, known_formats())
    assert [seq for seq, _ in found.pairs] == list(range(1, 201))
    assert found.ways == {"dovecot": 200}
    assert len(session.looked_at) == 20


async def test_what_the_ids_do_not_tell_is_looked_at() -> None:
    other = [former(n, f"word{n}", f"old{n}") for n in range(1, 4)]
    session = Session([*other, *SAME_STORE[3:]])
    found = await asked(session, STORE, known_formats())
    assert dict(found.ways) == {"dovecot": 197, "identity": 3}
    assert {1, 2, 3} <= set(session.looked_at)
    assert len(session.looked_at) < 30


async def test_ids_that_name_other_messages_are_found_out() -> None:
    """The same UIDVALIDITY and UIDs by an unlucky restore: the identities decide, for every message."""
    shifted = [each._replace(uidl=SAME_STORE[n - 1].uidl) for n, each in enumerate(SAME_STORE)]
    session = Session(shifted)
    found = await asked(session, STORE, known_formats())
    assert {uidl: seq for seq, uidl in found.pairs} == {each.uidl: each.number for each in shifted}
    assert found.ways == {"identity": 200}
    assert sorted(session.looked_at) == list(range(1, 201))


async def test_a_format_that_was_asked_for_and_is_wrong_is_told() -> None:
    shifted = [each._replace(uidl=str(each.number % 200 + 1)) for each in SAME_STORE]
    with pytest.raises(FormerFailed, match="not of the format uid"):
        await asked(Session(shifted), STORE, [parse("uid")], asked_for=True)
