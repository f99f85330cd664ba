"""Taking connections of devices."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack

import trio

from bridge.model.peer import within
from bridge.model.settings import ListenerSettings
from bridge.net.accept import Accepting
from bridge.net.bind import adopt, as_peer, bind
from bridge.net.guard import run_guarded
from bridge.net.stream import Stream
from bridge.net.systemd import passed_sockets
from bridge.net.tls import ServerTls

Handler = Callable[[Stream, "Listener"], Awaitable[None]]
"""Serves one connection. Under implicit TLS it gets the raw stream, and calls `stream.start_tls_server` with
`listener.tls.context` itself, so that its limits count connections before TLS."""


class Listener:
    """One listening socket.

    `address` is what it is bound to, with the real port (`127.0.0.1:40123`, `[::1]:110`); `tls` holds the context
    of listeners that have a certificate, and is where a reload puts new ones.
    """

    def __init__(self, settings: ListenerSettings, sock: trio.socket.SocketType) -> None:
        self.settings = settings
        self.tls = ServerTls(settings) if settings.tls != "none" else None
        self.address = str(as_peer(sock.getsockname()))
        self._accepting = Accepting(sock, self.address)

    async def serve(
        self,
        handler: Handler,
        sessions: trio.Nursery | None = None,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Take connections until `close` or cancelled; each handler runs under the guard, in `sessions` if given.

        After `close` it returns: at once with `sessions`, which live on in their own nursery, else when the last
        handler has ended. A handler that raises ends its own connection alone; every stream is closed behind it.
        """
        async with trio.open_nursery() as own:
            task_status.started()
            while (sock := await self._accepting.take()) is not None:
                (sessions or own).start_soon(self._handle, handler, sock)

    async def _handle(self, handler: Handler, sock: trio.socket.SocketType) -> None:
        with sock:
            try:
                peer, local = as_peer(sock.getpeername()), as_peer(sock.getsockname())
                stream = Stream(sock, peer, local)
            except OSError:
                return  # gone before it was looked at
            try:
                await run_guarded("session", handler, stream, self)
            finally:
                stream.abort()
                stream.forget()

    def relayed(self, stream: Stream) -> bool:
        """Tell whether a connection comes from a proxy that must say whose it is."""
        return within(stream.peer, self.settings.proxy_protocol)

    def close(self) -> None:
        """Stop listening: new connections are refused. Those taken live on."""
        self._accepting.close()


async def open_listeners(
    settings: Sequence[ListenerSettings], environ: Mapping[str, str] = os.environ
) -> list[Listener]:
    """Bind every listener, or none. One that names a passed socket gives a `Listener` for each socket of that name.

    Raises `NetError` naming the address, socket or certificate that cannot be had. Connections queue up from here
    on, and are taken by `serve`.
    """
    passed = passed_sockets(environ)
    opened: list[Listener] = []
    with ExitStack() as undo:
        for one in settings:
            for sock in adopt(one.systemd, passed.get(one.systemd, [])) if one.systemd else [await bind(one)]:
                undo.callback(sock.close)
                opened.append(Listener(one, sock))
        undo.pop_all()
    return opened
