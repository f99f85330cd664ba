"""The house rules of bridge/, as data and as walks over its syntax trees, which yield `path:line: what is wrong`."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bridge

ROOT = Path(bridge.__file__).parent


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAY_IMPORT: Mapping[str, frozenset[str]] = {
    room: _words(others)
    for room, others in {
        "model": "",
        "octets": "model",
        "search": "model",
        "identity": "model",
        "sealing": "model",
        "sasl": "model",
        "pop3": "model octets sasl",
        "imap": "model search sasl",
        "maildrop": "model identity",
        "adapt": "model octets",
        "config": "model search sasl sealing",
        "store": "model sealing telemetry",
        "net": "model telemetry",
        "upstream": "model imap sasl identity search octets net telemetry",
        "index": "model maildrop identity octets adapt telemetry",
        "session": "model pop3 sasl maildrop adapt octets net telemetry",
        "telemetry": "model",
        "oauth": "model net telemetry",
        "control": "model net telemetry",
        "http": "model net telemetry",
        "former": "model identity octets net",
        "sandbox": "model net",
        "serve": "*",
        "__main__": "*",
        "cli": "*",
    }.items()
}
"""Which rooms a room may import besides itself; `*` is all of them."""

PURE = frozenset({"model", "octets", "search", "identity", "sasl", "pop3", "imap", "maildrop", "adapt"})
"""Rooms that only compute: no waiting, no clock, no files, no logs, no chance."""

IMPURE_MODULES = _words(
    "asyncio trio ssl socket select selectors threading subprocess signal logging structlog time os pathlib io shutil "
    "tempfile random secrets uuid sqlite3 sqlite_utils urllib http"
)
PURE_ALL_THE_SAME = frozenset({"io.IncrementalNewlineDecoder"})
"""What such a module has that only computes: this one tells which line ends there are in a string."""

CLOCK_CALLS = frozenset({"now", "utcnow", "today", "fromtimestamp"})

ONLY_IN: Mapping[str, frozenset[str]] = {
    "sqlite3": frozenset({"store"}),
    "sqlite_utils": frozenset({"store"}),
    "socket": frozenset({"net"}),
    "ssl": frozenset({"net"}),
    "structlog": frozenset({"telemetry"}),
    "logging": frozenset({"telemetry"}),
    "pydantic": frozenset({"config"}),
    "tomllib": frozenset({"config"}),
    "subprocess": frozenset({"config"}),
    "click": frozenset({"cli"}),
    "rich": frozenset({"cli"}),
    "pickle": frozenset(),
    "marshal": frozenset(),
    "shelve": frozenset(),
    "cryptography": frozenset({"sealing", "oauth", "net"}),
    "httpx2": frozenset({"oauth"}),
    "tomlkit": frozenset({"config", "cli"}),
    "asyncio": frozenset(),
}
"""Modules that have one place."""

SOCKET_NAMES = _words(
    "socket SSLStream SSLListener SocketStream SocketListener open_tcp_stream open_tcp_listeners serve_tcp "
    "open_ssl_over_tcp_stream open_ssl_over_tcp_listeners serve_ssl_over_tcp open_unix_socket"
)
"""What trio itself offers of sockets and TLS: `net`'s alone."""

ENVIRONMENT = frozenset({"environ", "environb", "getenv"})
RESPONSE_CODES = frozenset({"AUTH", "SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY"})

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("net/guard.py", "broad except"): "the one guard of long-lived tasks",
    ("net/systemd.py", "environment"): "NOTIFY_SOCKET and WATCHDOG_USEC are systemd's protocol, not configuration",
    ("net/listen.py", "environment"): "LISTEN_FDS and its kin are systemd's protocol, not configuration",
    ("former/replies.py", "POP3 reply"): "reads the former server's replies",
    ("imap/reader.py", "POP3 reply"): "tells an admin that a POP3 server answers where IMAP was expected",
}
"""Where a rule does not hold, and why. `(path, rule)`."""


@dataclass(frozen=True)
class Source:
    """One file of bridge/: its path below bridge/, and its tree."""

    path: str
    tree: ast.Module
    text: str

    @property
    def room(self) -> str:
        """The first part of the path: a folder, or a file of its own."""
        return self.path.partition("/")[0].removesuffix(".py")

    def excused(self, rule: str) -> bool:
        """Tell whether this file has a written exception from the rule."""
        return (self.path, rule) in EXCEPTIONS

    def wrong(self, node: ast.AST, what: str) -> str:
        """Write one finding."""
        return f"bridge/{self.path}:{getattr(node, 'lineno', 1)}: {what}"


def parse(path: str, text: str) -> Source:
    """Read one source."""
    return Source(path, ast.parse(text), text)


def sources() -> list[Source]:
    """Read every file of bridge/."""
    return [parse(str(path.relative_to(ROOT)), path.read_text()) for path in sorted(ROOT.rglob("*.py"))]


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Give every imported module by its full name; `from x import y` as `x.y`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def _named(node: ast.expr) -> str:
    """Give the last part of a dotted name."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def room_imports(source: Source) -> Iterator[str]:
    """A room imports only the rooms its row allows, by absolute names."""
    allowed = MAY_IMPORT.get(source.room, frozenset())
    for node, name in imports(source):
        if name.startswith("."):
            yield source.wrong(node, "relative import")
        parts = name.split(".")
        if parts[0] != "bridge" or source.room == "__init__" or "*" in allowed:
            continue
        if len(parts) < 2 or parts[1] not in allowed | {source.room}:
            yield source.wrong(node, f"{source.room} may not import {name}")


def unknown_rooms(source: Source) -> Iterator[str]:
    """Every file is in a room that the table knows."""
    if source.room not in MAY_IMPORT and source.path != "__init__.py":
        yield source.wrong(source.tree, f"{source.room} is no room of the table")


def pure_imports(source: Source) -> Iterator[str]:
    """A pure room imports nothing that waits, reads, logs, or tells the time, and asks no clock."""
    if source.room not in PURE:
        return
    for node, name in imports(source):
        if name.partition(".")[0] in IMPURE_MODULES and name not in PURE_ALL_THE_SAME:
            yield source.wrong(node, f"{source.room} is pure and may not import {name}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_CALLS and _named(node.value) in {"datetime", "date"}:
            yield source.wrong(node, f"{source.room} is pure and may not ask the clock")
        if isinstance(node, ast.Name) and node.id in {"open", "print", "input"}:
            yield source.wrong(node, f"{source.room} is pure and may not use {node.id}")
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield source.wrong(node, f"{source.room} is pure and may not wait")


def modules_in_place(source: Source) -> Iterator[str]:
    """SQL, sockets, TLS, logs, schema and command line libraries each have one place."""
    for node, name in imports(source):
        places = ONLY_IN.get(name.partition(".")[0])
        if places is not None and source.room not in places:
            yield source.wrong(node, f"{name} belongs to {', '.join(sorted(places)) or 'no room'}")
    if source.room == "net":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in SOCKET_NAMES and _named(node.value) == "trio":
            yield source.wrong(node, f"trio.{node.attr} belongs to net")


def environment(source: Source) -> Iterator[str]:
    """The environment is read in config and cli."""
    if source.room in {"config", "cli"} or source.excused("environment"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and _named(node.value) == "os":
            yield source.wrong(node, "the environment is read in config and cli only")
    for node, name in imports(source):
        if name.removeprefix("os.") in ENVIRONMENT:
            yield source.wrong(node, "the environment is read in config and cli only")


def _docstrings(tree: ast.Module) -> set[int]:
    return {
        id(node.value)
        for parent in ast.walk(tree)
        if isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for node in parent.body
        if isinstance(node, ast.Expr)
    }


def _texts(source: Source) -> Iterator[tuple[ast.Constant, str]]:
    docstrings = _docstrings(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, bytes):
                yield node, node.value.decode("latin-1")
            elif isinstance(node.value, str):
                yield node, node.value


def pop3_replies(source: Source) -> Iterator[str]:
    """`+OK` and `-ERR` are written by pop3; response codes are chosen in session's answers."""
    if source.room == "pop3":
        return
    for node, text in _texts(source):
        if ("+OK" in text or "-ERR" in text) and not source.excused("POP3 reply"):
            yield source.wrong(node, "POP3 replies are written in pop3 only")
        if text in RESPONSE_CODES and source.room == "session" and source.path != "session/answers.py":
            yield source.wrong(node, f"what a failure sounds like ({text}) is said in session/answers.py")


def broad_excepts(source: Source) -> Iterator[str]:
    """Only the guard and the command line catch everything."""
    if source.room == "cli" or source.excused("broad except"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(each is None or getattr(each, "id", "") in {"Exception", "BaseException"} for each in caught):
                yield source.wrong(node, "a broad except belongs to net/guard.py and cli")


def dangerous_calls(source: Source) -> Iterator[str]:
    """No text becomes code: no eval, exec, shell."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in {"eval", "exec", "__import__"} and isinstance(node.func, ast.Name):
                yield source.wrong(node, f"{name} makes code of text")
            if name in {"system", "popen"} or any(key.arg == "shell" for key in node.keywords):
                yield source.wrong(node, "no shell")


def idle_async(source: Source) -> Iterator[str]:
    """A function is async only if it waits; a Protocol's stub has no body to wait in."""
    waits = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef) and not _is_stub(node):
            inner = [each for each in ast.walk(node) if isinstance(each, ast.comprehension) and each.is_async]
            if not inner and not any(isinstance(each, waits) for each in ast.walk(node)):
                yield source.wrong(node, f"{node.name} is async and never waits")


def _is_stub(node: ast.AsyncFunctionDef) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)


def long_files(source: Source) -> Iterator[str]:
    """No file over 500 lines."""
    if (lines := source.text.count("\n")) > 500:
        yield source.wrong(source.tree, f"{lines} lines")


def function_lengths(source: Source) -> Iterator[int]:
    """Give the length of every function in lines, its docstring and decorators not counted."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            doc = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
            yield node.end_lineno - node.lineno + 1 - doc


RULES = (
    unknown_rooms,
    room_imports,
    pure_imports,
    modules_in_place,
    environment,
    pop3_replies,
    broad_excepts,
    dangerous_calls,
    idle_async,
    long_files,
)
