"""Reading ahead: a device that fetches its messages in order finds the next ones here."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import trio

from bridge.maildrop import Maildrop
from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.model.names import MsgNum, Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.telemetry import count

FIRST_WINDOW = 256 * 1024
"""Octets held or asked for once a device was seen to go in order."""

GROWTH = 4
"""How many times what the device takes is added to that."""

FEW = 20
"""Messages at the end of a maildrop of which a device is taken to fetch all behind the first that it fetches,"""

FEW_OCTETS = FIRST_WINDOW // 2
"""where those have no more octets than this."""

SMALLEST_BATCH = 64 * 1024
"""Octets of a batch, at least: eight messages of an ordinary size."""

BATCHES = 8
"""Batches that a window is asked for in: the room of one is all that may be idle while the others are under way."""

MESSAGES = 400
"""Messages of a batch, at most: their UIDs are to fit a command line, whichever they are."""

LOOKED_AT = 1000
"""Messages looked at, at most, to find those of a batch: others may be spooled, or here."""

WHOLE_OCTETS = 64 * 1024
"""A message up to this long is kept in one piece, and sent in one."""

LARGEST_SHARE = 3
"""A message larger than the session's room divided by this is not fetched ahead, but in ranges when asked for."""


class Batches(Protocol):
    """What fetches several messages of one mailbox together."""

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        """Ask for messages. Does not wait."""
        ...

    def close(self) -> None:
        """Give up what has not come."""
        ...


class Sink(Protocol):
    """Who hears what became of messages asked for."""

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        """Take one, whole."""
        ...

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        """Hear that these do not come."""
        ...


FetchTogether = Callable[[MailboxKey, UidValidity, Sink], Batches]
"""Gives what fetches messages of a mailbox; raises an `UpstreamError` where there is nothing to fetch them from."""


class Allowance:
    """The octets that all sessions together may hold or have asked for. `total` is the most."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    def take(self, octets: int) -> bool:
        """Take octets if there are as many left."""
        if self.taken + octets > self.total:
            return False
        self.taken += octets
        return True

    def give_back(self, octets: int) -> None:
        """Give octets back."""
        self.taken -= octets


class _Mailbox:
    """One mailbox's part of what is read ahead: which message-number each UID has."""

    def __init__(self, tell: "Callable[[int, list[bytes] | UpstreamError | None], None]") -> None:
        self.nums: dict[Uid, int] = {}
        self._tell = tell

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        """Take one, whole."""
        self._tell(self.nums.pop(uid, 0), text)

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        """Pass on that these do not come."""
        for uid in uids:
            self._tell(self.nums.pop(uid, 0), failure)


class ReadAhead:
    """Foresees what one session fetches next: from RETR n and then n + 1, or n - 1, that it goes on like that.

    `deleted` are the numbers that are not fetched any more; it may grow. `limit` bounds, in octets, what is here or
    asked for. What the device does not ask for is thrown away and counted. Of a session that goes in no order
    nothing is fetched ahead, but what it asks for is fetched here if it is small; nothing is that is `spooled`.
    """

    def __init__(
        self,
        maildrop: Maildrop,
        deleted: Collection[MsgNum],
        fetch: FetchTogether,
        limit: int,
        allowance: Allowance,
        spooled: Callable[[MsgNum], bool] | None = None,
    ) -> None:
        self._spooled = spooled
        self._maildrop = maildrop
        self._deleted = deleted
        self._fetch = fetch
        self._limit = limit
        self._allowance = allowance
        self._mailboxes: dict[tuple[MailboxKey, UidValidity], tuple[_Mailbox, Batches]] = {}
        self._last = 0
        self._step = 0
        self._next = 0
        self._window = self._batch = 0
        self._ready: dict[int, list[bytes]] = {}
        self._charged: dict[int, int] = {}  # what is here or was asked for, with the octets it was thought to have
        self._held = 0
        self._alone: set[int] = set()  # what did not come in a batch
        self._failed: dict[int, UpstreamError] = {}
        self._news = trio.lowlevel.ParkingLot()
        self._waited_for = False

    # --- what the session asks

    def whole(self, num: MsgNum) -> bytes | None:
        """Give a message that is here in one piece; of others None, and nothing has happened. `go_on` is to be called
        behind it, once the message is on its way to the device.
        """
        text = self._ready.get(num)
        if text is None or len(text) != 1:
            return None
        self._follow(num)
        self._taken(num)
        return text[0]

    def go_on(self) -> None:
        """See to what comes next. Waits for nothing."""
        self._plan()

    def next_whole(self) -> tuple[MsgNum, bytes] | None:
        """Give the message that is likely to be asked for next, if it is here in one piece, and keep it."""
        num = self._after(self._last, self._step) if self._step else 0
        text = self._ready.get(num)
        return (MsgNum(num), text[0]) if text is not None and len(text) == 1 else None

    def take(self, num: MsgNum) -> list[bytes] | None:
        """Give a message that is here, in pieces, and see to what comes next. Waits for nothing."""
        self._follow(num)
        text = self._taken(num)
        if text is None and not self._step:
            self._ask_for(num)
        else:
            self._plan()
        return self._taken(num) if text is None else text

    async def wait(self, num: MsgNum) -> list[bytes] | None:
        """Give a message that is on its way; None where it does not come, and is to be fetched alone.

        Raises `UpstreamUnavailable` when the server kept silent.
        """
        while num in self._charged and num not in self._ready:
            self._waited_for = True
            await self._news.park()
        self._waited_for = False
        failure = self._failed.pop(num, None)
        if type(failure) is UpstreamUnavailable:  # and not that it dropped the connection
            raise failure
        text = self._taken(num)
        if text is not None:
            self._plan()
        return text

    def coming(self, num: MsgNum) -> bool:
        """Tell whether a message is on its way."""
        return num in self._charged

    def look(self, num: MsgNum) -> list[bytes] | None:
        """Give a message that is here, and keep it."""
        return self._ready.get(num)

    def close(self) -> None:
        """Throw away what is left. Done again, it does nothing."""
        for _, batches in self._mailboxes.values():
            batches.close()
        self._mailboxes.clear()
        self._drop(list(self._charged))

    def _taken(self, num: int) -> list[bytes] | None:
        text = self._ready.pop(num, None)
        if text is not None:
            count("read_ahead_hits")
            if self._window < self._limit:
                self._open(self._window + GROWTH * self._charged[num])
            self._uncharge(num)
        return text

    # --- foreseeing

    def _follow(self, num: int) -> None:
        last, self._last = self._last, num
        if num == last:
            return
        if self._step and num in self._charged:
            if next(iter(self._charged)) != num:  # what it passed over it has from earlier
                self._drop([held for held in self._charged if (num - held) * self._step > 0])
            return
        if not last:
            self._begin(num, self._step_at_first(num))
        elif not (self._step and self._after(last, self._step) == num):
            steps = [step for step in (1, -1) if self._after(last, step) == num]
            self._begin(num, steps[0] if steps else 0)

    def _step_at_first(self, num: int) -> int:
        """A device that begins with what is new to it will fetch the rest of that, and so will one that begins near the
        end: many fetch the newest few whatever they had before. Of those little is wasted on one that does not.
        """
        sizes = self._maildrop.sizes
        few = len(sizes) - num < FEW and sum(sizes[num:]) <= FEW_OCTETS
        return 1 if num > self._maildrop.familiar or few else 0

    def _begin(self, num: int, step: int) -> None:
        self._drop(list(self._charged))
        self._step, self._next = step, num
        self._open(FIRST_WINDOW)

    def _open(self, window: int) -> None:
        """Have so many octets here or asked for, as far as there is room, and ask for them in batches."""
        self._window = min(window, self._limit)
        self._batch = min(max(self._window // BATCHES, SMALLEST_BATCH), self._window)

    def _after(self, num: int, step: int) -> int:
        """Give the next number to be fetched in that direction, 0 where there is none."""
        num += step
        while 1 <= num <= len(self._maildrop) and (num in self._deleted or self._maildrop.stub(MsgNum(num))):
            num += step
        return num if 1 <= num <= len(self._maildrop) else 0

    # --- asking

    def _ask_for(self, num: int) -> None:
        """Ask for a small message in no order: that is cheaper than to read it in ranges, and may be shared."""
        size = self._maildrop.sizes[num - 1]
        if size > min(WHOLE_OCTETS, self._limit) or num in self._alone or num in self._charged:
            return
        if not (self._spooled is not None and self._spooled(MsgNum(num))) and self._allowance.take(size):
            self._ask({num: size}, size)

    def _plan(self) -> None:
        """Ask for what comes next once there is room for a batch."""
        batch = self._batch
        if self._held + batch > self._window:
            return
        if self._next and (self._last - self._next) * self._step > 0:
            self._next = self._last
        while self._step and self._next and self._held + batch <= self._window:
            wanted, after = self._gather(batch)
            octets = sum(wanted.values())
            if wanted and not self._allowance.take(octets):
                return
            self._next = after
            if not wanted:
                return
            self._ask(wanted, octets)

    def _gather(self, octets: int) -> tuple[dict[int, int], int]:
        """Give the next numbers with their sizes, at least one if there is any, and where to go on from."""
        wanted: dict[int, int] = {}
        num, left = self._next, octets
        sizes, most, spooled = self._maildrop.sizes, self._limit // LARGEST_SHARE, self._spooled
        for _ in range(LOOKED_AT):
            if not num or len(wanted) == MESSAGES:
                break
            size = sizes[num - 1]
            alone = size > most or num in self._alone
            if alone and num != self._last:
                break  # no more before the device has come to it
            if not alone and num not in self._charged and (spooled is None or not spooled(MsgNum(num))):
                if wanted and size > left:
                    break
                wanted[num] = size
                left -= size
            num = self._after(num, self._step)
        return wanted, num

    def _ask(self, wanted: dict[int, int], octets: int) -> None:
        self._charged.update(wanted)
        self._held += octets
        count("read_ahead_batches")
        for place, nums in self._maildrop.places_of(wanted).items():
            try:
                mailbox, batches = self._mailbox(*place)
            except UpstreamError:
                # Its account was taken away meanwhile. Nothing will come: whoever asks for one of these hears so then.
                self._step = 0
                self._alone.update(nums.values())
                for num in nums.values():
                    self._uncharge(num)
                continue
            mailbox.nums.update(nums)
            batches.ask({uid: wanted[num] for uid, num in nums.items()})

    def _mailbox(self, key: MailboxKey, uidvalidity: UidValidity) -> tuple[_Mailbox, Batches]:
        found = self._mailboxes.get((key, uidvalidity))
        if found is None:
            mailbox = _Mailbox(self._told)
            found = self._mailboxes[key, uidvalidity] = (mailbox, self._fetch(key, uidvalidity, mailbox))
        return found

    # --- what comes

    def _told(self, num: int, what: list[bytes] | UpstreamError | None) -> None:
        if num not in self._charged:  # nobody wants it any more
            count("read_ahead_wasted", sum(map(len, what)) if isinstance(what, list) else 0)
            return
        if isinstance(what, list):
            short = len(what) > 1 and sum(map(len, what)) <= WHOLE_OCTETS
            self._ready[num] = [b"".join(what)] if short else what
        else:
            self._uncharge(num)
            self._lost(num, what)
        if self._waited_for:
            self._news.unpark_all()

    def _lost(self, num: int, failure: UpstreamError | None) -> None:
        """What was lost with its connection is asked for again; what the server would not give comes alone or never."""
        self._open(FIRST_WINDOW)
        if not isinstance(failure, UpstreamUnavailable):
            self._alone.add(num)
            return
        self._failed[num] = failure
        if not self._next or (self._next - num) * self._step > 0:
            self._next = num

    def _uncharge(self, num: int) -> None:
        octets = self._charged.pop(num)
        self._held -= octets
        self._allowance.give_back(octets)

    def _drop(self, nums: list[int]) -> None:
        for num in nums:
            text = self._ready.pop(num, None)
            if text is not None:
                count("read_ahead_wasted", sum(map(len, text)))
            self._uncharge(num)
