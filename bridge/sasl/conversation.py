"""The side that signs in: what it says first, and what it answers."""

from typing import Protocol

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError
from bridge.sasl.plain import encode_plain


class ServerUnproven(SaslError):
    """The server did not show that it knows the password itself: it may be somebody else."""


class Conversation(Protocol):
    """One exchange of a mechanism, seen from who signs in. A new one is made for each try.

    `name` is the mechanism's, as servers list it. `tested` is False as long as nothing was sent by which the server
    could tell whether the secret is right.
    """

    @property
    def name(self) -> str:
        """The mechanism, as servers list it."""
        ...

    @property
    def tested(self) -> bool:
        """True once the server was sent what tells it whether the secret is right."""
        ...

    def initial(self) -> bytes | None:
        """Give what is said first, or None where the server speaks first. Raises SaslError for what cannot be said."""
        ...

    def slow(self, challenge: bytes) -> bool:
        """Tell whether `answer` to this would take so long that it belongs into a thread."""
        ...

    def answer(self, challenge: bytes) -> bytes:
        """Give the response to a challenge. Raises SaslError for a challenge that the mechanism does not have; the
        exchange is to be cancelled then.
        """
        ...

    def succeeded(self) -> None:
        """The server says that all is well. Raises ServerUnproven where the mechanism says it cannot be."""
        ...


class Plain:
    """PLAIN, which is one message (RFC 4616 §2)."""

    name = "PLAIN"
    tested = True

    def __init__(self, user: str, password: Secret) -> None:
        self._message = encode_plain(user, password)

    def initial(self) -> bytes:
        """Give the message."""
        return self._message

    def slow(self, challenge: bytes) -> bool:
        """Never."""
        return False

    def answer(self, challenge: bytes) -> bytes:
        """There is no second message."""
        raise SaslError("The server asks for more than PLAIN has.")

    def succeeded(self) -> None:
        """PLAIN proves nothing of the server."""
