"""A message's text being put together from ranges: what came, what was asked for, and when it is whole."""

from collections import deque
from dataclasses import dataclass, field

from bridge.model.failures import MessageChanged, UpstreamRefused
from bridge.upstream.bodies import Piece
from bridge.upstream.failures import NothingCame
from bridge.upstream.stock import Stock

FIRST_OCTETS = 128 * 1024
"""The first range: most messages whole, and little enough to be thrown away when only the headers were wanted. With
it the next one is asked for, where all is wanted."""

RANGE_OCTETS = 1024 * 1024
"""Every further range. On Dovecot 1 MiB gives 470 MB/s, 256 KiB 300 to 390, one literal 1,000."""

AHEAD_OCTETS = 2 * RANGE_OCTETS
"""Octets kept or asked for beyond what was taken."""

SHORT_RANGE_OCTETS = 256 * 1024
"""A range while memory is short, for a device that took all that came; another gets the first range's length."""

PORTION_OCTETS = 64 * 1024
"""Octets handed on at once while memory is short: whoever is waiting for a slow device holds some copies of them."""

OVERLAP_OCTETS = 4096
"""What is fetched twice when going on over another connection, to see that the text is the same."""

MORSEL_OCTETS = 4096
MORSELS = 8
"""Ranges shorter than asked for, and that short, one after another: more are no progress but a way to make none."""


@dataclass(slots=True, eq=False)
class Range:
    """One range under way. `length` None is all of the text. `overlap` must come first, and is there already."""

    origin: int
    length: int | None
    overlap: bytes = b""
    begun: bool = False
    ended: bool = False
    missing: bool = False
    size: int = 0
    come: int = 0
    early: list[bytes] = field(default_factory=list)


class Assembly:
    """Holds a text's octets until they are taken, in order. Failures carry the name of the message, `what`.

    `thought` is how long the text is thought to be. Not wanted `whole`, what follows the first range waits until that
    was taken. A range that is shorter than asked for ends the text, but one that
    ends before `thought` is only believed when nothing follows it, and when the message was looked for anew meanwhile:
    of one that was expunged servers give nothing, too.

    While the `stock` of all texts is short, one asks for little at a time, and for least until it is `hungry`: told so
    by whoever has taken all and waits for more.
    """

    def __init__(self, account: str, what: str, thought: int, stock: Stock, *, whole: bool = True) -> None:
        self.thought = thought
        self.held = 0
        self.received = 0
        self.whole = False
        self.hungry = True
        self._looked_anew = False
        self._morsels = 0
        self._account = account
        self._what = what
        self._told: int | None = None
        self._taken = 0
        self._next = 0
        self._tail = b""
        self._overlap = b""
        self._ready: deque[bytes] = deque()
        self._ranges: deque[Range] = deque()
        self._closed = False
        self._stock = stock
        self._wanted_whole = whole

    def _tell_stock(self) -> None:
        """Have it counted what is held or asked for."""
        if not self._closed:
            coming = sum(max(0, (each.length or 0) - each.come) for each in self._ranges)
            self._stock.note(self, self.held + coming)

    # --- taking

    def close(self) -> None:
        """Nobody takes any more: what came, and what still comes, is counted and not kept. So it goes at once, whoever
        still refers to this.
        """
        self._closed = True
        self._ready.clear()
        self._stock.note(self, 0)

    def take(self) -> bytes:
        """Give the next octets, or nothing when none have come."""
        if not self._ready:
            return b""
        self.hungry = False
        data = self._ready.popleft()
        if len(data) > PORTION_OCTETS and self._stock.short:
            self._ready.appendleft(data[PORTION_OCTETS:])
            data = data[:PORTION_OCTETS]
        self.held -= len(data)
        self._taken += len(data)
        self._tell_stock()
        return data

    # --- asking

    def next_range(self) -> Range | None:
        """Give the range to ask for next and count it as asked for; None while there is no need or no room."""
        length = self._length()
        if self.whole or self._enough or self._early(length):
            return None
        wanted = Range(self._next, length, self._overlap)
        self._overlap = b""
        self._next += length
        self._ranges.append(wanted)
        self._tell_stock()
        return wanted

    def wants(self) -> bool:
        """Tell whether `next_range` would give one, were nothing under way."""
        return not (self.whole or self._enough) and self.held + self._length() <= self._most()

    @property
    def _enough(self) -> bool:
        """True while nobody has taken any of the first range, and may want no more."""
        return not self._wanted_whole and self._next > 0 and self._taken == 0

    def whole_range(self) -> Range:
        """Give the range that is all of the text, for servers that know no others."""
        wanted = Range(0, None)
        self._ranges.append(wanted)
        return wanted

    def _length(self) -> int:
        if not self._next:
            return FIRST_OCTETS
        if not self._stock.short:
            return RANGE_OCTETS
        return SHORT_RANGE_OCTETS if self.hungry else FIRST_OCTETS

    def _most(self) -> int:
        return 2 * self._length() if self._stock.short else AHEAD_OCTETS

    def _early(self, length: int) -> bool:
        under_way = sum(each.length or 0 for each in self._ranges)
        if not under_way:
            return self.held + length > self._most()
        # Going further than the end as it is thought to be awaits what comes of it.
        waits = self._next >= self.thought or (self._taken == 0 and self._stock.short)
        return waits or self.held + under_way + length > self._most()

    def start_again(self, *, looked_anew: bool = False) -> None:
        """Forget what is under way: the next range goes on behind what was received, with a little of it again.

        `looked_anew`: the mailbox was opened anew just now, so that nothing is nothing.
        """
        self._looked_anew = looked_anew
        self._ranges.clear()
        self._next = self.received - len(self._tail)
        self._overlap = self._tail

    # --- receiving

    def put(self, piece: Piece) -> int:
        """Take a piece of this text; gives how many octets of it were asked for. Raises `MessageChanged` and more."""
        found = self._find(piece)
        if found is None:
            return 0
        found.begun, found.size = True, piece.size
        found.come += len(piece.data)
        if piece.data:
            self._keep(found, self._past_overlap(found, piece.data))
        if piece.ends:
            found.ended, found.missing = True, piece.missing
        return len(piece.data)

    def _find(self, piece: Piece) -> Range | None:
        for each in self._ranges:
            if each.length is None:
                return None if each.ended else each
            if piece.origin is None and (each.origin or piece.size > each.length):
                raise self._no_ranges()
            if (piece.origin or 0) == each.origin and not each.ended:
                if piece.size > each.length:
                    raise self._no_ranges()
                return each
        return None

    def _past_overlap(self, found: Range, data: bytes) -> bytes:
        again = min(len(data), len(found.overlap))
        if data[:again] != found.overlap[:again]:
            raise self.changed()
        found.overlap = found.overlap[again:]
        return data[again:] if again else data

    def _keep(self, found: Range, data: bytes) -> None:
        if not data:
            return
        if found is not self._ranges[0]:
            found.early.append(data)
            return
        if not self._closed:
            self._ready.append(data)
        self.held += len(data)
        self.received += len(data)
        self._tail = data[-OVERLAP_OCTETS:] if len(data) >= OVERLAP_OCTETS else (self._tail + data)[-OVERLAP_OCTETS:]

    def awaits(self, wanted: Range) -> bool:
        """Tell whether a range still matters: one behind the end of the text does not."""
        return wanted in self._ranges

    def is_as_long(self, size: int) -> bool:
        """Take RFC822.SIZE: False when it is not what it was. From now on the text is thought to be as long."""
        same = self._told in (None, size)
        self._told = self.thought = size
        return same

    def land(self, landed: Range) -> None:
        """The server said OK to a range. What that means for the end of the text is decided here.

        Raises `MessageChanged`, and `NothingCame` when there should be more.
        """
        landed.ended = True
        if landed.overlap:
            raise self.changed()
        while self._ranges and self._ranges[0].ended:
            self._settle(self._ranges.popleft())
            self._catch_up()
        self._tell_stock()

    def _catch_up(self) -> None:
        """What came early is in turn once its range is the first."""
        if self._ranges:
            early, self._ranges[0].early = self._ranges[0].early, []
            for data in early:
                self._keep(self._ranges[0], data)

    def _settle(self, landed: Range) -> None:
        if landed.size == 0 and self.received < self.thought:
            self._check_early_end(landed)
        if landed.length is not None and landed.size >= landed.length:
            return
        if landed.length is None or landed.size == 0 or self.received >= self.thought:
            self.whole = True
        else:
            self._count_morsel(landed.size)
        # Shorter than asked for, and yet too short: what else is under way would leave a gap.
        self._ranges.clear()
        self._next = self.received

    def _count_morsel(self, octets: int) -> None:
        self._morsels = self._morsels + 1 if octets < MORSEL_OCTETS else 0
        if self._morsels > MORSELS:
            raise self.nothing("gives it in morsels")

    def _check_early_end(self, landed: Range) -> None:
        if not self.received:
            raise self.nothing("gave an empty text")
        if not (landed.begun and self._looked_anew):
            raise self.nothing("gave no more of the text")

    # --- failing

    def changed(self) -> MessageChanged:
        """Make the failure for a text that is not what it was."""
        return MessageChanged(self._account, f"account {self._account}: {self._what} is not what it was a moment ago")

    def nothing(self, how: str) -> NothingCame:
        """Make the failure for a message of which the server gives nothing, or no more."""
        return NothingCame(self._account, self._for_it(how))

    def _no_ranges(self) -> UpstreamRefused:
        how = 'sent more than the range asked for; the account needs quirks = ["no-ranges"]'
        return UpstreamRefused(self._account, self._for_it(how))

    def _for_it(self, how: str) -> str:
        return f"account {self._account}: for {self._what} the server {how}"
