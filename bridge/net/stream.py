"""A byte stream that may become a TLS one."""

import ssl

import trio

from bridge.model.peer import Peer
from bridge.net.errors import NetClosed, NetError

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Stream:
    """Wraps a Trio stream. Failures are `NetError`s; after one the stream can only be closed."""

    def __init__(self, raw: trio.abc.Stream, peer: Peer) -> None:
        self.peer = peer
        self.tls = False
        self._raw = raw
        self._transport = raw

    async def send_all(self, data: bytes) -> None:
        """Send everything. Waits for the other side; cancelled, an unknown part was sent."""
        try:
            await self._transport.send_all(data)
        except _GONE as failure:
            raise NetClosed(f"{self.peer} closed the connection") from failure

    async def receive_some(self, limit: int = 65536) -> bytes:
        """Give what has come, at least one octet, or `b""` at the end. Waits; loses nothing when cancelled."""
        try:
            return bytes(await self._transport.receive_some(limit))
        except _GONE as failure:
            raise NetClosed(f"{self.peer} closed the connection") from failure

    async def start_tls_server(self, context: ssl.SSLContext, seconds: float) -> None:
        """Shake hands as the server."""
        await self._handshake(trio.SSLStream(self._raw, context, server_side=True, https_compatible=True), seconds)

    async def start_tls_client(self, context: ssl.SSLContext, hostname: str, seconds: float) -> None:
        """Shake hands as the client of `hostname`."""
        stream = trio.SSLStream(self._raw, context, server_hostname=hostname, https_compatible=True)
        await self._handshake(stream, seconds)

    async def _handshake(self, stream: "trio.SSLStream[trio.abc.Stream]", seconds: float) -> None:
        try:
            with trio.fail_after(seconds):
                await stream.do_handshake()
        except trio.TooSlowError as failure:
            raise NetError(f"the TLS handshake with {self.peer} took longer than {seconds:g} s") from failure
        except _GONE as failure:
            raise NetError(f"the TLS handshake with {self.peer} failed: {_reason(failure)}") from failure
        self._transport = stream
        self.tls = True

    async def aclose(self) -> None:
        """Close in good order, within a second; never raises a `NetError`."""
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(self._transport) if self.tls else await self._raw.aclose()

    def abort(self) -> None:
        """Close at once and wait for nothing."""
        if isinstance(self._raw, trio.SocketStream):
            self._raw.socket.close()


def _reason(failure: BaseException) -> str:
    cause = failure.__cause__ or failure
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return str(cause.reason or "the other side does not speak TLS").lower().replace("_", " ")
    return "the connection was closed"
