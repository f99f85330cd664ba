"""How carrying out an intent ended."""

from typing import Literal, NamedTuple

from bridge.model.update import MovedTo

Settled = Literal["done", "gone", "elsewhere", "later", "refused", "hide-only"]
"""`done`: the server did it. `gone`: the message was not there any more. `elsewhere`: its mailbox was numbered anew, so
it has another UID now. `later`: worth another try.
`refused`: what is there is not what the device deleted, or the server will not, ever. `hide-only`: this server has no
safe way to do it, so the message stays upstream, and nothing of ours is left on it.
"""


class Outcome(NamedTuple):
    """How carrying out an intent ended, and a note for people, without secrets.

    `moved` is where the message is now, if it was moved and the server told where to (COPYUID). `message_id` is what
    the header of one that is done says, where that was looked at: once it is gone nothing else tells.
    """

    settled: Settled
    note: str
    moved: MovedTo | None = None
    message_id: str = ""


class Copied(NamedTuple):
    """Half of a move: the message was copied, and its original is still there. `moved` as in `Outcome`."""

    moved: MovedTo | None
