"""A byte stream that may become a TLS one."""

import contextlib
import ssl

import trio

from bridge.model.peer import Peer, Relay
from bridge.net.errors import NetClosed, NetError
from bridge.net.reasons import reason
from bridge.net.transport import Transport

CLOSE_SECONDS = 1.0
"""How long a close in good order may wait for the other side: one slow round trip."""

DRAIN = 65_536
"""Octets thrown away while closing. Unread input would turn the close into a reset, and that may overtake
the last reply."""

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)

NOWHERE = Peer("", 0)


class Stream:
    """Wraps a Trio stream or a connected socket. Failures are `NetError`s; after one the stream can only be closed.

    `peer` is the other side as it was named, `address` where it is (the same, unless it was dialled by its name),
    `local` the address it came to, `tls` is true once a handshake was completed. `relay` is set where a proxy is
    between us and `peer`.
    """

    def __init__(
        self,
        raw: trio.abc.Stream | trio.socket.SocketType,
        peer: Peer,
        local: Peer = NOWHERE,
        address: Peer | None = None,
    ) -> None:
        self.peer = peer
        self.address = address or peer
        self.local = local
        self.relay: Relay | None = None
        self.transport = Transport(raw)
        self._secure: trio.SSLStream[Transport] | None = None
        self._top: trio.abc.Stream = self.transport

    @property
    def tls(self) -> bool:
        """True once a TLS handshake was completed."""
        return self._secure is not None

    @property
    def tls_version(self) -> str:
        """`TLSv1.3` and the like, or empty in clear."""
        return str(self._secure.version() or "") if self._secure is not None else ""

    @property
    def tls_cipher(self) -> str:
        """OpenSSL's name of what encrypts, such as `AES128-SHA`, or empty in clear."""
        found = self._secure.cipher() if self._secure is not None else None
        return str(found[0]) if found else ""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything. Waits for the other side; cancelled, an unknown part was sent. Raises `NetClosed`."""
        try:
            await self._top.send_all(data)
        except _GONE as failure:
            raise NetClosed(f"{self.peer} closed the connection") from failure

    def send_now(self, data: bytes) -> int:
        """Send what the kernel takes at once, and give how many octets that are. None under TLS. Raises `NetClosed`."""
        if self._secure is not None:
            return 0
        try:
            return self.transport.send_now(data)
        except OSError as failure:
            raise NetClosed(f"{self.peer} closed the connection") from failure

    async def receive_some(self, limit: int = 65_536) -> bytes:
        """Give what has come, at least one octet and at most `limit`, or `b""` at the end.

        Waits; loses nothing when cancelled. Raises `NetClosed` when the connection was reset. Under TLS an end
        without close_notify is an end like any other: what is carried here says itself where it ends.
        """
        try:
            return bytes(await self._top.receive_some(limit))
        except _GONE as failure:
            raise NetClosed(f"{self.peer} closed the connection") from failure

    async def start_tls_server(self, context: ssl.SSLContext, seconds: float) -> None:
        """Shake hands as the server, within `seconds`. Raises `NetError`; cancelled or failed, abort the stream."""
        secure = trio.SSLStream(self.transport, context, server_side=True, https_compatible=True)
        await self._shake_hands(secure, seconds)

    async def start_tls_client(self, context: ssl.SSLContext, hostname: str, seconds: float) -> None:
        """Shake hands as the client of `hostname`, within `seconds`. Raises `NetError`; then abort the stream."""
        try:
            secure = trio.SSLStream(self.transport, context, server_hostname=hostname, https_compatible=True)
            await self._shake_hands(secure, seconds)
        except ValueError as failure:  # a name that IDNA or OpenSSL does not take
            raise NetError(f"{hostname!r} is no name that a certificate could be for") from failure

    async def _shake_hands(self, secure: "trio.SSLStream[Transport]", seconds: float) -> None:
        try:
            with trio.fail_after(seconds):
                await secure.do_handshake()
            self._secure = self._top = secure
        except trio.TooSlowError as failure:
            raise NetError(f"the TLS handshake with {self.peer} took longer than {seconds:g} s") from failure
        except _GONE as failure:
            self._tell_why(secure)
            raise NetError(f"the TLS handshake with {self.peer} failed: {reason(failure)}") from failure
        finally:
            if self._secure is not secure:
                _take_apart(secure)

    def _tell_why(self, secure: "trio.SSLStream[Transport]") -> None:
        """Send OpenSSL's alert for a handshake that failed, as far as the kernel takes it: by it the other side knows
        what to try instead, or to tell its user. Trio leaves it lying in the stream.
        """
        pending = vars(secure).get("_outgoing")
        if isinstance(pending, ssl.MemoryBIO):
            with contextlib.suppress(OSError):
                self.transport.send_now(pending.read())

    async def aclose(self) -> None:
        """Close in good order: everything sent arrives, then an end (with close_notify under TLS).

        Waits for the other side at most `CLOSE_SECONDS`. Raises no `NetError`; cancelled, the stream is closed
        at once. No task may be receiving.
        """
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                with contextlib.suppress(*_GONE):
                    if self._secure is not None:
                        await self._secure.unwrap()
                with contextlib.suppress(*_GONE):
                    await self._drain()
        finally:
            self.abort()

    async def _drain(self) -> None:
        await self.transport.send_eof()
        left = DRAIN
        while left > 0 and (data := await self.transport.receive_some()):
            left -= len(data)

    def abort(self) -> None:
        """Close at once and wait for nothing. Who waits on the stream gets `NetClosed`. Done again, it does nothing."""
        self.transport.close()

    def forget(self) -> None:
        """Give back the memory of a stream that was closed, and that nobody waits on or will use any more."""
        if self._secure is not None:
            secure, self._secure, self._top = self._secure, None, self.transport
            _take_apart(secure)


def _take_apart(secure: "trio.SSLStream[Transport]") -> None:
    """Take a TLS stream apart, which nobody uses any more. Trio's refer to themselves: each would keep OpenSSL's 50 KB
    until Python next looks for cycles, which is after thousands of objects, not after so many octets.
    """
    vars(secure).clear()
