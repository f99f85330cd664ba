"""Listening sockets: bound by us, or passed by systemd."""

import contextlib
import socket
from collections.abc import Iterator

import trio

from bridge.model.peer import Peer
from bridge.model.settings import ListenerSettings
from bridge.net.errors import NetError
from bridge.net.keepalive import prepare_devices

BACKLOG = 1024
"""Connections waiting to be taken; the kernel cuts it to net.core.somaxconn."""


async def bind(settings: ListenerSettings) -> trio.socket.SocketType:
    """Bind and listen where `settings` say. May wait for a name. Raises `NetError` naming the address."""
    where = Peer(settings.host, settings.port)
    with _told(f"cannot listen on {where}"):
        found = await trio.socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = trio.socket.socket(family, kind, protocol)
    with _told(f"cannot listen on {where}"), contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind(address)
        prepare_devices(sock)
        sock.listen(BACKLOG)
        undo.pop_all()
    return sock


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as failure:
        raise NetError(f"{what}: ports below 1024 need CAP_NET_BIND_SERVICE, or a socket from systemd") from failure
    except (OSError, ValueError) as failure:
        raise NetError(f"{what}: {_words(failure)}") from failure


def _words(failure: OSError | ValueError) -> str:
    return (isinstance(failure, OSError) and failure.strerror and failure.strerror.lower()) or str(failure)


def adopt(name: str, descriptors: list[int]) -> list[trio.socket.SocketType]:
    """Take over every socket that systemd passed under `name`. Raises `NetError`; `descriptors` is emptied."""
    if not descriptors:
        raise NetError(f"systemd passed no socket named {name}: look at the .socket unit's FileDescriptorName=")
    found = []
    while descriptors:
        with _told(f"the passed socket {name} cannot be used"):
            found.append(_listening(name, descriptors.pop(0)))
    return found


def _listening(name: str, descriptor: int) -> trio.socket.SocketType:
    sock = socket.socket(fileno=descriptor)
    tcp = sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM
    if not tcp or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise NetError(f"the passed socket {name} is no listening TCP socket: look at the .socket unit's ListenStream=")
    listening = trio.socket.from_stdlib_socket(sock)
    prepare_devices(listening)
    return listening


def as_peer(address: tuple[object, ...]) -> Peer:
    """Read a socket address; an IPv4 peer of an IPv6 socket is shown as the IPv4 peer it is."""
    host, port = str(address[0]), int(str(address[1]))
    return Peer(host[7:] if host.lower().startswith("::ffff:") and "." in host else host, port)
