"""Rounds of looks against a model, over random lives of an account: moves, mailboxes numbered anew, UIDs used again.

The model has what the servers have and what was committed, place by place, and says of each round what must come of it.
The store is a real one, closed and opened again now and then.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.model.names import EntrySeq, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import (
    AccountChange,
    ListedMessage,
    ListingChange,
    Location,
    MailboxChange,
    MailboxKey,
    MailboxPart,
    MailboxState,
    StoredMessage,
)
from bridge.store import Store
from tests.store.support import FAMILY, INBOX, JUNK, broken_entries, lost
from tests.store.test_promises import KEYS, OpenStore, crowded


class Server:
    """A mailbox as its server has it: which message each UID names. A message's number decides its size."""

    def __init__(self) -> None:
        self.uidvalidity = UidValidity(1)
        self.uidnext = 1
        self.messages: dict[Uid, int] = {}

    def take(self, message: int) -> None:
        self.messages[Uid(self.uidnext)] = message
        self.uidnext += 1

    def renumber(self, uidvalidity: int) -> None:
        left = list(self.messages.values())
        self.uidvalidity, self.uidnext, self.messages = UidValidity(uidvalidity), 1, {}
        for message in left:
            self.take(message)

    def line(self, uid: Uid) -> ListedMessage:
        return ListedMessage(uid, octets(self.messages[uid]), 5, "")


def octets(message: int) -> int:
    """Give a message's size: many messages have one of few."""
    return message % 3 + 1


def content(message: int) -> str:
    return f"m{message:032x}"


def named(key: MailboxKey, uidvalidity: UidValidity, uid: Uid, attempt: int) -> Uidl:
    return crowded(uid, attempt)


What = Literal["deliver", "expunge", "move", "renumber", "use a UID again", "give back"]

HAPPENED = st.lists(st.tuples(st.sampled_from(get_args(What)), KEYS, st.integers(0, 7)), min_size=1, max_size=6)
LOOKED_AT = st.sampled_from([{INBOX}, {JUNK}, {INBOX, JUNK}, {INBOX, JUNK}])


def pick(uids: list[Uid], number: int) -> Uid:
    return uids[number % len(uids)]


class Rounds(RuleBasedStateMachine):
    """Rounds of looks at an account whose messages come, go, move, and are numbered anew.

    With `identified` all contents are known, and an entry is one message for ever. Without, messages of one size look
    alike, and what is promised is promised of what can be told apart.
    """

    identified = True

    @initialize()
    def begin(self) -> None:
        self.state_dir = tempfile.mkdtemp(prefix="popbridge-store-")
        self.open = OpenStore(self.state_dir)
        self.servers = {INBOX: Server(), JUNK: Server()}
        self.delivered = 0
        self.live: dict[Location, EntrySeq] = {}
        self.ever: dict[Location, list[EntrySeq]] = {}
        self.message: dict[EntrySeq, int] = {}
        self.listed: dict[MailboxKey, UidValidity] = {}
        self.names: dict[Uidl, EntrySeq] = {}
        for key in (INBOX, JUNK):
            self.happen("deliver", key, 2)

    def teardown(self) -> None:
        self.open.close()
        shutil.rmtree(self.state_dir)

    def happen(self, what: What, key: MailboxKey, number: int) -> None:
        """Change what a server has. `number` chooses which of its messages, or how many."""
        server = self.servers[key]
        uids = sorted(server.messages)
        free = [Uid(uid) for uid in range(1, server.uidnext) if uid not in server.messages]
        match what:
            case "deliver":
                for _ in range(1 + number % 3):
                    server.take(self.new_message())
            case "expunge" if uids:
                del server.messages[pick(uids, number)]
            case "move" if uids:
                self.servers[JUNK if key == INBOX else INBOX].take(server.messages.pop(pick(uids, number)))
            case "renumber":
                # Also under a UIDVALIDITY that it had before.
                server.renumber(1 + number % 3)
            case "use a UID again" if free or uids:
                uid = pick(free or uids, number)
                server.messages[uid] = self.new_message(like=self.former(key, uid))
            case "give back" if free:
                uid = pick(free, number)
                server.messages[uid] = self.former(key, uid) or self.new_message()

    def new_message(self, like: int = 0) -> int:
        """Give a message that never was, of the size of another, if one is given."""
        self.delivered += 1
        while like and octets(self.delivered) != octets(like):
            self.delivered += 1
        return self.delivered

    def former(self, key: MailboxKey, uid: Uid) -> int:
        """Give the last message that was seen at a place, 0 for none."""
        place = Location(key, self.servers[key].uidvalidity, uid)
        return self.message[self.ever[place][-1]] if place in self.ever else 0

    @rule(key=KEYS, count=st.integers(1, 3))
    def begin_a_first_listing(self, key: MailboxKey, count: int) -> None:
        """Be cut off in it."""
        server = self.servers[key]
        uids = [uid for uid in sorted(server.messages) if Location(key, server.uidvalidity, uid) not in self.live]
        begun = {place.uidvalidity for place in self.live if place.key == key}
        if key in self.listed or not begun <= {server.uidvalidity}:
            return
        lines = tuple(server.line(uid) for uid in uids[:count])
        if self.identified and any(Location(key, server.uidvalidity, line.uid) in self.ever for line in lines):
            return  # Batches bring no contents, so that what lay here before would be taken for what does now.
        rows = self.open(self.store.apply_listing, ListingChange(key, server.uidvalidity, lines), crowded)
        self.committed(key, server.uidvalidity, rows)
        if self.identified:
            found = [(row.uid, content(server.messages[row.uid])) for row in rows]
            self.open(self.store.record_identities, key, server.uidvalidity, found)

    @rule(rounds=st.lists(st.tuples(HAPPENED, LOOKED_AT), min_size=1, max_size=6), data=st.data())
    def live_on(
        self, rounds: list[tuple[list[tuple[What, MailboxKey, int]], set[MailboxKey]]], data: st.DataObject
    ) -> None:
        for happened, keys in rounds:
            for each in happened:
                self.happen(*each)
            self.look(keys, data)

    def look(self, keys: set[MailboxKey], data: st.DataObject) -> None:
        """Commit a round, perhaps twice, as when the outcome of the first time is unknown."""
        change = self.round(sorted(keys), data)
        for _ in range(data.draw(st.integers(1, 2))):
            rows = self.open(self.store.apply_refresh, change, named)
            self.expect(change, rows)
        for key in keys:
            server = self.servers[key]
            there = {Location(key, server.uidvalidity, uid): message for uid, message in server.messages.items()}
            here = {place: seq for place, seq in self.live.items() if place[:2] == (key, server.uidvalidity)}
            assert here.keys() == there.keys()
            assert all(self.alike(seq, there[place]) for place, seq in here.items())

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """Have a round fail at its end: nothing of it may be there, as the invariants see."""
        whole = self.round([INBOX, JUNK], data)
        last = whole.mailboxes[-1]
        unknown = (*last.inherited, (EntrySeq(10_000), ListedMessage(Uid(999), 1, 5, "")))
        broken = replace(whole, mailboxes=(*whole.mailboxes[:-1], replace(last, inherited=unknown)))
        with pytest.raises(ValueError, match="no entry 10000"):
            self.open(self.store.apply_refresh, broken, named)

    @rule()
    def restart(self) -> None:
        self.open.close()
        self.open = OpenStore(self.state_dir)

    @property
    def store(self) -> Store:
        return self.open.store

    def alike(self, seq: EntrySeq, message: int) -> bool:
        """Tell whether an entry is this message, as far as can be told."""
        mine = self.message[seq]
        return mine == message if self.identified else octets(mine) == octets(message)

    def round(self, keys: list[MailboxKey], data: st.DataObject) -> AccountChange:
        """Compare servers with what is committed, and pair what went with what came by chance."""
        looks = [self.look_at(key, data.draw(st.booleans())) for key in keys]
        went = {Location(look.key, look.state.uidvalidity, uid) for look in looks for uid in look.vanished}
        present = self.listed | {look.key: look.state.uidvalidity for look in looks}
        former = {place for place in self.live if present.get(place.key, place.uidvalidity) != place.uidvalidity}
        pool = [seq for place, seq in self.live.items() if place in went | former]
        pool += sorted(self.message.keys() - set(self.live.values()))
        return AccountChange(FAMILY, tuple(self.pair(look, pool, data) for look in looks))

    def look_at(self, key: MailboxKey, lingering: bool) -> MailboxChange:
        server = self.servers[key]
        here = {place.uid: seq for place, seq in self.live.items() if place[:2] == (key, server.uidvalidity)}
        vanished = tuple(
            uid for uid, seq in here.items() if uid not in server.messages or not self.alike(seq, server.messages[uid])
        )
        new = [uid for uid in sorted(server.messages) if uid not in here or uid in vanished]
        state = MailboxState(server.uidvalidity, Uid(server.uidnext), len(server.messages), ModSeq(0))
        contents = {uid: content(message) for uid, message in server.messages.items()} if self.identified else {}
        lines = tuple(server.line(uid) for uid in new)
        return MailboxChange(key, state, lines, (), vanished, contents, lingering)

    def pair(self, look: MailboxChange, pool: list[EntrySeq], data: st.DataObject) -> MailboxChange:
        inherited: list[tuple[EntrySeq, ListedMessage]] = []
        for line in look.appended:
            heirs = [seq for seq in pool if self.alike(seq, self.servers[look.key].messages[line.uid])]
            heir = data.draw(st.sampled_from([None, *heirs]))
            if heir is not None:
                inherited.append((heir, line))
                pool.remove(heir)
        taken = {line.uid for _, line in inherited}
        appended = tuple(line for line in look.appended if line.uid not in taken)
        return replace(look, appended=appended, inherited=tuple(inherited))

    def expect(self, change: AccountChange, rows: dict[MailboxKey, list[StoredMessage]]) -> None:
        """Say what a round must do, and hold what it gave against that."""
        for look in change.mailboxes:
            key, present = look.key, look.state.uidvalidity
            gone = {place for place in self.live if place.key == key and place.uidvalidity != present}
            gone = set() if look.lingering else gone
            for place in gone | {Location(key, present, uid) for uid in look.vanished}:
                self.live.pop(place, None)
            self.listed[key] = present
        heirs = {
            Location(look.key, look.state.uidvalidity, line.uid): seq
            for look in change.mailboxes
            for seq, line in look.inherited
        }
        self.live = {place: seq for place, seq in self.live.items() if seq not in heirs.values()} | heirs
        for look in change.mailboxes:
            given = {row.uid: row.seq for row in rows[look.key]}
            for line in look.appended:
                self.appended(look, line, given)
            self.committed(look.key, look.state.uidvalidity, rows[look.key])
            assert {row.uid for row in rows[look.key]} == {line.uid for line in look.appended} | {
                line.uid for _, line in look.inherited
            }

    def appended(self, look: MailboxChange, line: ListedMessage, given: dict[Uid, EntrySeq]) -> None:
        """A message is what is known at its place, or what came back to it, or new."""
        place = Location(look.key, look.state.uidvalidity, line.uid)
        seq, elsewhere = given[line.uid], {seq for uid, seq in given.items() if uid != line.uid}
        if place in self.live:
            assert self.live[place] == seq
            return
        message = self.servers[look.key].messages[line.uid]
        back = [
            former
            for former in self.ever.get(place, [])
            if self.alike(former, message)
            and former not in elsewhere.union(self.live.values())
            and line.uid not in look.vanished
        ]
        assert seq in back if back else seq not in self.message
        self.live[place] = seq

    def committed(self, key: MailboxKey, uidvalidity: UidValidity, rows: list[StoredMessage]) -> None:
        """Take note of rows: a unique-id names one entry, for ever."""
        for row in rows:
            place = Location(key, uidvalidity, row.uid)
            assert self.names.setdefault(row.uidl, row.seq) == row.seq
            assert self.live.setdefault(place, row.seq) == row.seq
            self.message.setdefault(row.seq, self.servers[key].messages[row.uid])
            if row.seq not in self.ever.setdefault(place, []):
                self.ever[place].append(row.seq)

    @invariant()
    def what_is_loaded_is_what_was_committed(self) -> None:
        loaded: dict[Location, EntrySeq] = {}
        for key in (INBOX, JUNK):
            parts = self.open(self.store.load_parts, key)
            assert [part.uidvalidity for part in parts[:1]] == [each for at, each in self.listed.items() if at == key]
            if key not in self.listed:
                under = {place.uidvalidity for place in self.live if place.key == key}
                begun = self.open(self.store.load_messages, key)
                parts = [MailboxPart(each, begun) for each in under]
            for part in parts:
                assert part.messages == sorted(part.messages)
                loaded |= {Location(key, part.uidvalidity, row.uid): row.seq for row in part.messages}
        assert loaded == self.live
        assert len(set(loaded.values())) == len(loaded)

    @invariant()
    def an_entry_is_gone_exactly_when_its_last_place_is(self) -> None:
        assert broken_entries(Path(self.state_dir)) == []
        gone = self.message.keys() - set(self.live.values())
        assert lost(Path(self.state_dir)) == gone
        if self.identified:
            everything = [content(message) for message in range(1, self.delivered + 1)]
            found = self.open(self.store.load_kindred, FAMILY, everything, 0.0)
            assert {Location(*each[1:4]): each.seq for each in found if each.live} == self.live
            assert {each.seq for each in found if not each.live} == gone
            assert all(each.seq in self.ever[Location(*each[1:4])] for each in found)


class RoundsOfLookAlikes(Rounds):
    """The same where only sizes tell messages apart."""

    identified = False


TestRounds = Rounds.TestCase
TestRoundsOfLookAlikes = RoundsOfLookAlikes.TestCase
TestRounds.settings = TestRoundsOfLookAlikes.settings = settings(max_examples=30, stateful_step_count=8, deadline=None)
