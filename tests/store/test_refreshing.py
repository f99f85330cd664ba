"""Rounds of looks at an account: which entry a message is when it moves, comes back, or its UID is used again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.maildrop import unique_id
from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, Uid, UidValidity
from bridge.model.places import (
    AccountChange,
    ListedMessage,
    ListingChange,
    Location,
    MailboxChange,
    MailboxKey,
    MeasuredMessage,
    StoredMessage,
)
from bridge.store import Store, open_store
from tests.store.support import (
    FAMILY,
    FAX,
    INBOX,
    JUNK,
    ONE,
    TWO,
    broken_entries,
    fill,
    listed,
    lost,
    namer,
    plan,
    whole,
)

DATE = 1_700_000_000
M1, M2 = "m" + "1" * 32, "m" + "2" * 32


def line(uid: int, size: int = 100, provider: str = "", date: int = DATE) -> ListedMessage:
    return ListedMessage(Uid(uid), size, date, provider)


def look(
    key: MailboxKey = INBOX,
    uidvalidity: UidValidity = ONE,
    *,
    new: Iterable[ListedMessage] = (),
    gone: Iterable[int] = (),
    heirs: Mapping[int, ListedMessage] | None = None,
    contents: Mapping[int, str] | None = None,
    lingering: bool = False,
) -> MailboxChange:
    """Give what a look at a mailbox found; the state's numbers are of no account here."""
    return MailboxChange(
        key,
        whole(9, 99, uidvalidity),
        tuple(new),
        tuple((EntrySeq(entry), message) for entry, message in (heirs or {}).items()),
        tuple(Uid(uid) for uid in gone),
        {Uid(uid): content for uid, content in (contents or {}).items()},
        lingering,
    )


def begun(*uids: int, uidvalidity: UidValidity = ONE, key: MailboxKey = INBOX) -> ListingChange:
    """Give a batch of a first listing that a crash cut off after it."""
    return ListingChange(key, uidvalidity, tuple(line(uid) for uid in uids))


@dataclass(frozen=True)
class Case:
    """What happens, round by round, and which entries lie where in the end; entries are numbered as they come."""

    what: str
    rounds: tuple[tuple[MailboxChange, ...] | ListingChange, ...]
    inbox: tuple[tuple[int, dict[int, int]], ...]
    junk: tuple[tuple[int, dict[int, int]], ...] = ()
    lost: set[int] = field(default_factory=set)


TWO_THERE = (look(new=[line(1), line(2)]),)
JUNK_EMPTY = ((1, dict[int, int]()),)

CASES = [
    Case("new messages", (TWO_THERE, (look(new=[line(3)]),)), ((1, {1: 1, 2: 2, 3: 3}),)),
    Case("nothing new", (TWO_THERE, (look(),)), ((1, {1: 1, 2: 2}),)),
    Case("known where it is listed", (TWO_THERE, (look(new=[line(2, 900), line(3)]),)), ((1, {1: 1, 2: 2, 3: 3}),)),
    Case(
        "moved",
        (TWO_THERE, (look(gone=[1]), look(JUNK, heirs={1: line(7)}))),
        ((1, {2: 2}),),
        ((1, {7: 1}),),
    ),
    Case(
        "moved, the second mailbox looked at first",
        (TWO_THERE, (look(JUNK, heirs={1: line(7)}, new=[line(8)]), look(gone=[1]))),
        ((1, {2: 2}),),
        ((1, {7: 1, 8: 3}),),
    ),
    Case(
        "moved both ways at once",
        (
            (look(new=[line(1)]), look(JUNK, new=[line(1)])),
            (look(gone=[1], heirs={2: line(2)}), look(JUNK, gone=[1], heirs={1: line(2)})),
        ),
        ((1, {2: 2}),),
        ((1, {2: 1}),),
    ),
    Case(
        "moved and back",
        (
            TWO_THERE,
            (look(gone=[1]), look(JUNK, heirs={1: line(7)})),
            (look(heirs={1: line(9)}), look(JUNK, gone=[7])),
        ),
        ((1, {9: 1, 2: 2}),),
        JUNK_EMPTY,
    ),
    Case(
        "one moved, one gone",
        (TWO_THERE, (look(gone=[1, 2]), look(JUNK, heirs={2: line(1)}))),
        ((1, {}),),
        ((1, {1: 2}),),
        {1},
    ),
    Case(
        "two UIDs that changed their messages",
        (TWO_THERE, (look(gone=[1, 2], heirs={1: line(2), 2: line(1)}),)),
        ((1, {1: 2, 2: 1}),),
    ),
    Case(
        "a place taken over from an entry that nobody missed",
        (TWO_THERE, (look(heirs={1: line(2)}),)),
        ((1, {2: 1}),),
        lost={2},
    ),
    Case(
        "a round written twice, its first outcome unknown",
        (TWO_THERE, *2 * ((look(gone=[1], new=[line(3)]), look(JUNK, heirs={1: line(7)})),)),
        ((1, {2: 2, 3: 3}),),
        ((1, {7: 1}),),
    ),
    Case(
        "moved on after a move whose outcome was unknown",
        (TWO_THERE, (look(gone=[1]), look(JUNK, heirs={1: line(7)})), (look(gone=[1]), look(JUNK, heirs={1: line(8)}))),
        ((1, {2: 2}),),
        ((1, {8: 1}),),
    ),
    Case("a UID used again", (TWO_THERE, (look(gone=[1], new=[line(1)]),)), ((1, {1: 3, 2: 2}),), lost={1}),
    Case(
        "a UID used again, where the same size lay before that",
        (
            TWO_THERE,
            (look(gone=[1], new=[line(1, 500)]),),
            (look(gone=[1], new=[line(1, 100)]),),
        ),
        ((1, {1: 4, 2: 2}),),
        lost={1, 3},
    ),
    Case("back where it was", (TWO_THERE, (look(gone=[1]),), (look(new=[line(1)]),)), ((1, {1: 1, 2: 2}),)),
    Case(
        "back with another size",
        (TWO_THERE, (look(gone=[1]),), (look(new=[line(1, 500)]),)),
        ((1, {1: 3, 2: 2}),),
        lost={1},
    ),
    Case(
        "back with another content",
        (
            (look(new=[line(1)], contents={1: M1}),),
            (look(gone=[1]),),
            (look(new=[line(1)], contents={1: M2}),),
        ),
        ((1, {1: 2}),),
        lost={1},
    ),
    Case(
        "back with its content under another provider's name",
        (
            (look(new=[line(1, provider="emailid:a")], contents={1: M1}),),
            (look(gone=[1]),),
            (look(new=[line(1, provider="emailid:b")], contents={1: M1}),),
        ),
        ((1, {1: 1}),),
    ),
    Case(
        "back under another name of the same provider",
        (
            (look(new=[line(1, provider="emailid:a")]),),
            (look(gone=[1]),),
            (look(new=[line(1, provider="emailid:b")], contents={1: M1}),),
        ),
        ((1, {1: 2}),),
        lost={1},
    ),
    Case(
        "back under a name of another provider",
        (
            (look(new=[line(1, provider="emailid:a")]),),
            (look(gone=[1]),),
            (look(new=[line(1, provider="gmail:1")]),),
        ),
        ((1, {1: 1}),),
    ),
    Case(
        "back, and the one of two whose content it has",
        (
            (look(new=[line(1)], contents={1: M1}),),
            (look(gone=[1], new=[line(1)], contents={1: M2}),),
            (look(gone=[1]),),
            (look(new=[line(1)], contents={1: M1}),),
        ),
        ((1, {1: 1}),),
        lost={2},
    ),
    Case(
        "back, and nobody knows which of two: the last",
        (
            (look(new=[line(1)]),),
            (look(gone=[1], new=[line(1)]),),
            (look(gone=[1]),),
            (look(new=[line(1)]),),
        ),
        ((1, {1: 2}),),
        lost={1},
    ),
    Case(
        "a place that fills again after its message moved away",
        (
            TWO_THERE,
            (look(gone=[1]), look(JUNK, heirs={1: line(7)})),
            (look(new=[line(1)]),),
        ),
        ((1, {1: 3, 2: 2}),),
        ((1, {7: 1}),),
    ),
    Case(
        "back at two places where it was",
        (
            TWO_THERE,
            (look(gone=[1], heirs={1: line(5)}),),
            (look(gone=[5]),),
            (look(new=[line(1), line(5)]),),
        ),
        ((1, {2: 2, 5: 1, 1: 3}),),
    ),
    Case(
        "back at an older place in the round in which it went",
        (
            TWO_THERE,
            (look(gone=[1]), look(JUNK, heirs={1: line(7)})),
            (look(new=[line(1)]), look(JUNK, gone=[7])),
        ),
        ((1, {1: 1, 2: 2}),),
        JUNK_EMPTY,
    ),
    Case(
        "gone, and found in another mailbox later",
        (TWO_THERE, (look(gone=[1]),), (look(JUNK, heirs={1: line(7)}),)),
        ((1, {2: 2}),),
        ((1, {7: 1}),),
    ),
    Case(
        "renumbered, all known",
        (TWO_THERE, (look(uidvalidity=TWO, heirs={1: line(1), 2: line(2)}),)),
        ((2, {1: 1, 2: 2}),),
    ),
    Case(
        "renumbered, one new and one gone",
        (TWO_THERE, (look(uidvalidity=TWO, heirs={2: line(1)}, new=[line(2)]),)),
        ((2, {1: 2, 2: 3}),),
        lost={1},
    ),
    Case(
        "renumbered and under suspicion",
        (TWO_THERE, (look(uidvalidity=TWO, heirs={2: line(1)}, new=[line(2)], lingering=True),)),
        ((2, {1: 2, 2: 3}), (1, {1: 1})),
    ),
    Case(
        "renumbered twice and under suspicion",
        (
            TWO_THERE,
            (look(uidvalidity=TWO, heirs={2: line(1)}, lingering=True),),
            (look(uidvalidity=UidValidity(5), new=[line(1)], lingering=True),),
        ),
        ((5, {1: 3}), (2, {1: 2}), (1, {1: 1})),
    ),
    Case(
        "looked at again under suspicion",
        (TWO_THERE, (look(uidvalidity=TWO, lingering=True),), (look(uidvalidity=TWO, new=[line(1)], lingering=True),)),
        ((2, {1: 3}), (1, {1: 1, 2: 2})),
    ),
    Case(
        "a suspicion that came true",
        (TWO_THERE, (look(uidvalidity=TWO, lingering=True),), (look(uidvalidity=TWO, new=[line(1)]),)),
        ((2, {1: 3}),),
        lost={1, 2},
    ),
    Case(
        "found again while it lingered, in this mailbox and in another",
        (
            TWO_THERE,
            (look(uidvalidity=TWO, lingering=True),),
            (look(uidvalidity=TWO, heirs={1: line(4)}, lingering=True), look(JUNK, heirs={2: line(7)})),
        ),
        ((2, {4: 1}),),
        ((1, {7: 2}),),
    ),
    Case(
        "found in another mailbox while the first was not looked at",
        (TWO_THERE, (look(uidvalidity=TWO, lingering=True),), (look(JUNK, heirs={2: line(7)}),)),
        ((2, {}), (1, {1: 1})),
        ((1, {7: 2}),),
    ),
    Case(
        "the former UIDVALIDITY back while its messages lingered",
        (TWO_THERE, (look(uidvalidity=TWO, new=[line(1)], lingering=True),), (look(gone=[2]),)),
        ((1, {1: 1}),),
        lost={2, 3},
    ),
    Case(
        "a first listing that was cut off, gone on with",
        (begun(1, 2), (look(new=[line(2), line(3)]),)),
        ((1, {1: 1, 2: 2, 3: 3}),),
    ),
    Case(
        "a first listing that was cut off, and one went meanwhile",
        (begun(1, 2), (look(gone=[1], new=[line(3)]),)),
        ((1, {2: 2, 3: 3}),),
        lost={1},
    ),
    Case(
        "a first listing that was cut off, and the mailbox was renumbered",
        (begun(1, 2), (look(uidvalidity=TWO, new=[line(1)], lingering=False),)),
        ((2, {1: 3}),),
        lost={1, 2},
    ),
    Case(
        "a first listing cut off before a message moved into it",
        (TWO_THERE, begun(7, key=JUNK), (look(gone=[1]), look(JUNK, heirs={1: line(7)}))),
        ((1, {2: 2}),),
        ((1, {7: 1}),),
        {3},
    ),
]


async def apply(store: Store, *changes: MailboxChange) -> dict[MailboxKey, list[StoredMessage]]:
    """Write a round; what it gives is what is loaded, in first-seen order."""
    rows = await store.apply_refresh(AccountChange(FAMILY, changes), unique_id)
    assert list(rows) == [change.key for change in changes]
    for change in changes:
        given = rows[change.key]
        assert {row.uid for row in given} == {
            *(message.uid for message in change.appended),
            *(message.uid for _, message in change.inherited),
        }
        present = (await store.load_parts(change.key))[0]
        assert present.uidvalidity == change.state.uidvalidity
        assert [row for row in present.messages if row in given] == given
    return rows


async def parts(store: Store, key: MailboxKey) -> tuple[tuple[int, dict[int, int]], ...]:
    """Give which entry lies where."""
    found = await store.load_parts(key)
    return tuple((part.uidvalidity, {row.uid: row.seq for row in part.messages}) for part in found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_which_entry_a_message_is(tmp_path: Path, case: Case) -> None:
    async with open_store(tmp_path) as store:
        for step in case.rounds:
            if isinstance(step, ListingChange):
                await store.apply_listing(step, namer(step.key, step.uidvalidity))
            else:
                await apply(store, *step)
            assert broken_entries(tmp_path) == []
    async with open_store(tmp_path) as store:
        assert await parts(store, INBOX) == case.inbox
        assert await parts(store, JUNK) == case.junk
        assert lost(tmp_path) == case.lost
        seqs = {seq for mailbox in (case.inbox, case.junk) for _, entries in mailbox for seq in entries.values()}
        totals = (await store.overview())["totals"]
        assert (totals["entries"], totals["issued_ids"]) == (len(seqs), len(seqs | case.lost))


async def test_an_entry_that_moves_keeps_its_id_its_age_and_its_hides(tmp_path: Path) -> None:
    clock = [1000.5]
    async with open_store(tmp_path, now=lambda: clock[0]) as store:
        [old] = (await apply(store, look(new=[line(1)])))[INBOX]
        await store.commit_update(plan(FAX, 5.0, [old.seq]))
        clock[0] = 2000.5
        rows = await apply(store, look(gone=[1]), look(JUNK, heirs={1: line(7)}, new=[line(8)]))
        moved, new = rows[JUNK]
        assert (moved.seq, moved.uidl, moved.seen) == (old.seq, old.uidl, 1000)
        assert (new.uidl, new.seen) == (unique_id(JUNK, ONE, Uid(8), 0), 2000)
        assert await store.load_hides(FAX) == [moved.seq]


MEASURED = (105, 1)
UNMEASURED = (-1, -1)


@pytest.mark.parametrize(
    ("old", "known", "found", "new", "expected"),
    [
        (line(1), "", "", line(7), (*MEASURED, "")),
        (line(1), M1, "", line(7, provider="gmail:1"), (*MEASURED, M1)),
        (line(1), "", M1, line(7), (*MEASURED, M1)),
        (line(1), M1, M2, line(7, date=5), (*MEASURED, M2)),
        (line(1), M1, "", line(7, size=90), (*UNMEASURED, M1)),
        # Without a Message-ID the date is part of the content's identity.
        (line(1), "d" + M1[1:], "", line(7), (*MEASURED, "d" + M1[1:])),
        (line(1), "d" + M1[1:], "", line(7, date=5), (*MEASURED, "")),
        # What one server would not give may be had where the message is now.
        (line(1), "-", "", line(7), (*MEASURED, "")),
        (line(1), "-", "-", line(7), (*MEASURED, "-")),
    ],
)
async def test_what_was_found_out_goes_along(
    tmp_path: Path, old: ListedMessage, known: str, found: str, new: ListedMessage, expected: tuple[int, int, str]
) -> None:
    async with open_store(tmp_path) as store:
        await apply(store, look(new=[old], contents={1: known}))
        await store.record_measured([(Location(INBOX, ONE, Uid(1)), MeasuredMessage(105, True))])
        [row] = (await apply(store, look(gone=[1]), look(JUNK, heirs={1: new}, contents={7: found})))[JUNK]
        assert (row.measured, row.subject, row.content) == expected
        assert (row.uid, row.size, row.date, row.provider) == new


async def test_a_place_that_is_listed_again_learns_what_its_message_is(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await apply(store, look(new=[line(1), line(2, provider="gmail:2")], contents={2: M2}))
        await apply(store, look(gone=[2]))
        again = [line(1, provider="gmail:1"), line(2)]
        rows = (await apply(store, look(new=again, contents={1: M1})))[INBOX]
        assert [(row.seq, row.provider, row.content) for row in rows] == [(1, "gmail:1", M1), (2, "gmail:2", M2)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ((look(gone=[1, 2]), look(JUNK, heirs={1: line(1), 99: line(2)})), "no entry 99"),
        ((look(gone=[1, 2], heirs={1: line(3)}), look(JUNK, heirs={1: line(1)})), "two places"),
        ((look(gone=[1, 2]), look(JUNK, heirs={1: line(1), 2: line(1)})), "a place inherit two"),
        ((look(gone=[1, 2]), look(JUNK, new=[line(1, size=2**64)])), "popbridge"),
    ],
)
async def test_a_round_is_written_whole_or_not_at_all(
    tmp_path: Path, wrong: tuple[MailboxChange, ...], sentence: str
) -> None:
    async with open_store(tmp_path) as store:
        await apply(store, *TWO_THERE)
        with pytest.raises((ValueError, StoreUnavailable), match=sentence):
            await store.apply_refresh(AccountChange(FAMILY, wrong), unique_id)
        assert await parts(store, INBOX) == ((1, {1: 1, 2: 2}),)
        assert await store.load_parts(JUNK) == []
        assert [mailbox.key for mailbox in await store.load_mailboxes()] == [INBOX]


async def test_a_round_says_what_the_next_is_compared_with(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1, 2)
        change = MailboxChange(INBOX, whole(3, 4, TWO), listed(1, 2, 3), lingering=True)
        await store.apply_refresh(AccountChange(FAMILY, (change,)), unique_id)
        [mailbox] = await store.load_mailboxes()
        assert (mailbox.state, mailbox.uidvalidity) == (whole(3, 4, TWO), TWO)
