"""`[server]`: the process as a whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from bridge.config.kinds import FilePath, Size, TcpAddress, number, one_of, seconds
from bridge.config.reading import Reading
from bridge.config.secret_keys import PasswordCredential, PasswordEnv, PasswordFile
from bridge.config.tables import NotBuilt, Table, entry
from bridge.config.token_keys import token_keys
from bridge.model.settings import ServerSettings

LONGEST_SOCKET_PATH = 107
"""Octets: `sun_path` of unix(7) has 108, and the last is NUL."""

PATH = ("server",)


class Server(Table):
    """The process as a whole: where its state is, how it logs, how long it waits and how much it takes."""

    state_dir: FilePath = entry(
        "",
        "where the database is kept",
        example="/var/lib/popbridge",
        shown="`$STATE_DIRECTORY`, else `popbridge` in the XDG state directory",
    )
    control: FilePath = entry(
        "",
        "the socket on which `popbridge status` asks the running bridge; at most 107 octets long",
        example="/run/popbridge/control.sock",
        shown="`control.sock` in `$RUNTIME_DIRECTORY`, else in `state_dir`",
    )
    metrics: Annotated[TcpAddress, NotBuilt()] = entry(
        None, "where `/metrics`, `/healthz` and `/readyz` are served", shown="off"
    )
    web: Annotated[TcpAddress, NotBuilt()] = entry(None, "where the status page is served", shown="off")
    log: Annotated[Literal["console", "json"], one_of("console", "json")] = entry(
        "console", "how log lines on stderr are written"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")] = (
        entry("info", "the least important log lines that are written")
    )
    upstream_timeout: Annotated[float, seconds(1)] = entry(
        20,
        "how long an IMAP command may take as a whole, all of a sign-in twice that; or how long a message stands still",
    )
    login_timeout: Annotated[float, seconds(1)] = entry(
        180, "how long a device may take from connecting to its login, TLS included"
    )
    autologout: Annotated[float, seconds(600, reason="RFC 1939 §3")] = entry(
        600, "how long a device may be silent before it is cut off; at least 600 (RFC 1939 §3)"
    )
    refresh_wait: Annotated[float, seconds(0, 60)] = entry(
        5, "how long a login waits for a fresh listing before the last one is served"
    )
    undo_window: Annotated[float, seconds(0)] = entry(
        3600, "how long a deletion asked for upstream waits, so that it can be taken back", sample="1h", shown='`"1h"`'
    )
    history: Annotated[float, seconds(0)] = entry(
        90 * 86400, "how long past sessions are remembered", sample="90d", shown='`"90d"`'
    )
    max_sessions: Annotated[int, number(1, 100_000)] = entry(2000, "how many devices may be connected at once")
    max_sessions_per_peer: Annotated[int, number(1, 100_000)] = entry(
        20, "how many of them from one address (IPv6: from one /64)"
    )
    read_ahead: Size = entry(
        4_000_000,
        "how much of the coming messages one session may hold in memory; 0 fetches none ahead",
        sample="4MB",
        shown='`"4MB"`',
    )
    read_ahead_total: Size = entry(
        128_000_000,
        "how much of the coming messages all sessions may hold in memory; 0 fetches none ahead",
        sample="128MB",
        shown='`"128MB"`',
    )
    token_key_credential: PasswordCredential = entry(
        "",
        "a systemd credential with the key that seals tokens in the database: a line of 32 octets in base64; "
        "more lines are older keys",
        sample="popbridge-key",
        shown="none",
    )
    token_key_file: PasswordFile = entry("", "a file with that key", sample="popbridge.key", shown="none")
    token_key_env: PasswordEnv = entry(
        "", "an environment variable with that key", sample="POPBRIDGE_KEY", shown="none"
    )
    language: Annotated[str, one_of("en", "de"), NotBuilt(only=("en",))] = entry(
        "en", "the language of texts that devices see"
    )


def server_settings(server: Server, reading: Reading) -> ServerSettings:
    """Give what `[server]` means, noting paths that cannot be."""
    state_dir = _state_dir(server, reading)
    control = _control(server, state_dir, reading)
    if len(str(control).encode()) > LONGEST_SOCKET_PATH:
        sentence = f"{control} is too long for a socket: at most {LONGEST_SOCKET_PATH} octets; name a shorter path"
        reading.problems.add((*PATH, "control"), sentence)
    return ServerSettings(
        state_dir=str(state_dir),
        control=str(control),
        log=server.log,
        log_level=server.log_level,
        max_sessions=server.max_sessions,
        max_sessions_per_peer=server.max_sessions_per_peer,
        upstream_timeout=server.upstream_timeout,
        login_timeout=server.login_timeout,
        autologout=server.autologout,
        refresh_wait=server.refresh_wait,
        undo_window=server.undo_window,
        history=server.history,
        read_ahead=server.read_ahead,
        read_ahead_total=server.read_ahead_total,
        token_keys=token_keys(server, PATH, reading),
    )


def _state_dir(server: Server, reading: Reading) -> Path:
    if server.state_dir:
        return reading.path(server.state_dir)
    if given := _first(reading.environ, "STATE_DIRECTORY"):
        return Path(given)
    state_home = reading.environ.get("XDG_STATE_HOME", "")
    if state_home.startswith("/"):  # the XDG base directory specification: a relative path is to be ignored
        return Path(state_home, "popbridge")
    home = reading.environ.get("HOME", "")
    if not home.startswith("/"):
        reading.problems.add((*PATH, "state_dir"), "is missing, and $HOME does not say where state could be kept")
    return Path(home or "/", ".local/state/popbridge")


def _control(server: Server, state_dir: Path, reading: Reading) -> Path:
    if server.control:
        return reading.path(server.control)
    return Path(_first(reading.environ, "RUNTIME_DIRECTORY") or state_dir, "control.sock")


def _first(environ: Mapping[str, str], name: str) -> str:
    """systemd gives several directories with colons between them (systemd.exec(5))."""
    return environ.get(name, "").partition(":")[0]
