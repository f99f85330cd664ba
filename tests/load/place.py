"""What is under load: a Dovecot, a bridge in front of it, and what is seen of the bridge from outside."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench import crowd, machine
from tests.bench.grounds import DEVICE_PASSWORD, UPSTREAM, Bridge, mail_directory
from tests.bench.mailboxes import Filler, Mailbox, message
from tests.bench.wire import Login
from tests.support.bridge_config import Table, plain_account, three_doors, write_config
from tests.support.certificates import make_certificate
from tests.support.dovecot import Dovecot

SERVER: Table = {"max_sessions": 5000, "max_sessions_per_peer": 20, "login_timeout": "1h"}
"""Idle connections are to stay for as long as it is measured."""


@contextlib.contextmanager
def upstream(users: Mapping[str, str]) -> Iterator[Dovecot]:
    """Run a Dovecot that takes many connections."""
    many = f"{UPSTREAM}\nservice imap {{\n  process_limit = 4000\n}}\ndefault_process_limit = 500\n"
    with Dovecot("mdbox", users, many, mail_directory()) as server:
        yield server


def fill(server: Dovecot, mailbox: Mailbox) -> None:
    """Fill one mailbox; large ones are written without asking twice for what they hold."""
    with Filler(server, mailbox, 0) as filler:
        filler.append(mailbox.messages)
        filler.warm()


@contextlib.contextmanager
def bridge(
    server: Dovecot, mailboxes: Sequence[Mailbox], devices: Mapping[str, str], *, measured: bool = True
) -> Iterator[Bridge]:
    """Run a bridge with an account for each mailbox; `devices` maps their names to the mailboxes they read."""
    with tempfile.TemporaryDirectory(prefix="popbridge-load-") as name:
        directory = Path(name)
        accounts: dict[str, Table] = {each.user: plain_account(server, each.user) for each in mailboxes}
        tables: dict[str, Table] = {
            device: {"password": DEVICE_PASSWORD, "sources": [source]} for device, source in devices.items()
        }
        config = write_config(directory, accounts, tables, three_doors(make_certificate(directory)), SERVER)
        with Bridge(config) as running:
            if measured:
                running.wait_measured()
            yield running


def session(login: Login, messages: int) -> float:
    """Let a device log in, list and QUIT. Gives the seconds; raises `Failed` where anything is refused."""
    took, sockets = crowd.run([iter([(login, crowd.poll_and_fetch(login, min(1, messages)))])])
    for each in sockets:
        each.close()
    return took


def descriptors(running: Bridge) -> int:
    """Give how many descriptors the bridge has open."""
    return sum(1 for _ in Path(f"/proc/{running.pid}/fd").iterdir())


def memory(running: Bridge) -> int:
    """Give the octets that are the bridge's alone."""
    return machine.pss([running.pid])


def connected(running: Bridge, count: int, tls: str) -> list[socket.socket]:
    """Open connections that say nothing, 20 from each address; those of each kind of door from a network of their own,
    since the bridge may not have counted out the others yet.
    """
    door, network = running.door(tls), len(tls)
    return [
        Login(door.host, door.port, "", "", f"127.{network}.{n // 5000}.{n // 20 % 250 + 1}").connect()
        for n in range(count)
    ]


def watch(seconds: float, act: Callable[[], float]) -> float:
    """Act once a second for so long; gives the longest time it took."""
    slowest, ends = 0.0, time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        slowest = max(slowest, act())
        time.sleep(max(0.0, min(ends, began + 1) - time.monotonic()))
    return slowest


def octets_of(number: int, octets: int) -> int:
    """Give how long a message of the mailboxes is on the wire, with its dots stuffed."""
    text = message(number, octets)
    return len(text) + text.count(b"\n.")
