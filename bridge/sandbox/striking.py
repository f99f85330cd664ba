"""Carrying out what a fault script says."""

from collections.abc import Callable
from typing import NoReturn, assert_never

import trio

from bridge.sandbox.faults import (
    Alter,
    Answer,
    Bye,
    Chatter,
    Close,
    Cut,
    Do,
    Drip,
    Fault,
    Flood,
    Hang,
    Point,
    Reset,
    Say,
)
from bridge.sandbox.session import Reply, Session
from bridge.sandbox.wire import ConnectionOver, Wire


async def strike(session: Session, point: Point, literal: bytes = b"") -> Reply | None:
    """Ask the script what happens here, and do it. Gives the answer that is to stand for the true one, if any.

    Raises ConnectionOver where the connection ends by it.
    """
    moment = session.moment(point, len(literal))
    if point != "literal":
        session.server.history.append(moment)
    script = session.server.script
    answer = None
    for fault in script.consider(moment) if script else ():
        answer = await _carry_out(session, fault, literal) or answer
    return answer


async def _carry_out(session: Session, fault: Fault, literal: bytes) -> Reply | None:
    wire = session.wire
    match fault:
        case Answer(kind, text, code):
            return Reply(text, code, kind)
        case Say(octets):
            wire.put(octets.replace(b"{tag}", session.tag.encode()))
        case Drip(octets, every):
            wire.pace = (octets, every)
        case Alter(how):
            wire.alter = how
        case Flood(octets, times):
            await _flood(wire, octets, times)
        case Do(what):
            what()
        case Cut(after, then):
            await wire.send(b"{%d}\r\n" % len(literal) + literal[:after])
            await _end(wire, then)
        case Bye(text, code):
            wire.put(Reply(text, code, "BYE").octets("*"))
            await _end(wire, Close())
        case Close() | Reset() | Hang() | Chatter():
            await _end(wire, fault)
        case _:
            assert_never(fault)
    return None


async def _end(wire: Wire, fault: Close | Reset | Hang | Chatter) -> NoReturn:
    match fault:
        case Close():
            await wire.flush()
        case Reset():
            await wire.flush()
            wire.stream.abort()
        case Hang():
            await wire.flush()
            while await wire.stream.receive_some():
                pass
        case Chatter(line, every):
            await _chatter(wire, line, every)
        case _:
            assert_never(fault)
    raise ConnectionOver("the script ends the connection")


async def _chatter(wire: Wire, line: bytes, every: float) -> NoReturn:
    while True:
        wire.put(line)
        await wire.flush()
        await trio.sleep(every)


async def _flood(wire: Wire, octets: bytes | Callable[[int], bytes], times: int | None) -> None:
    sent = 0
    while times is None or sent < times:
        wire.put(octets if isinstance(octets, bytes) else octets(sent))
        await wire.flush()
        sent += 1
