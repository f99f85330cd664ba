"""A private Dovecot on loopback: the reference upstream, and a reference POP3 server to compare with.

It runs without syslog, under a directory of its own in /tmp (its mail processes drop to another user, so
that directory must be open to it, which pytest's own is not), and is ended with everything in it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.support.certificates import make_certificate
from tests.support.imap_reference import ReferenceUpstream
from tests.support.ports import answers, free_ports, wait_until

MAIL_UID = 50_000
"""Owner of the mail when root starts it: Dovecot refuses to serve mail as root."""

USERS = {"anna": "anna secret", "ben": "ben-secret"}
WITHOUT_MOVE = "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ UIDPLUS ESEARCH SPECIAL-USE LIST-EXTENDED"
"""For `extra`, as `imap_capability`: a server that can only copy and expunge."""

RECORDED = "protocol imap {\n  rawlog_dir = %h/rawlog\n}\n"
"""For `extra`: what IMAP clients say is kept for users of whom `record` was asked."""

FRESH = 1000
"""How many users `fresh_user` can give: known from the start, since Dovecot reads its users with a delay."""

CONFIG = """\
base_dir = {root}/run
state_dir = {root}/state
instance_name = popbridge-tests
log_path = {root}/dovecot.log
protocols = imap pop3
listen = {host}
ssl = yes
ssl_cert = <{root}/tls.crt
ssl_key = <{root}/tls.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_cache_size = 0
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
first_valid_uid = 1
first_valid_gid = 0
mail_location = {mail_location}
mail_max_userip_connections = 1000
mmap_disable = no
mail_fsync = never
imap_idle_notify_interval = 1 mins
mailbox_list_index = yes
{extra}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Archive {{
    auto = create
    special_use = \\Archive
  }}
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""


def dovecot_missing() -> str:
    """Say why no Dovecot can be started here, or give an empty text."""
    if _binary() is None:
        return "Dovecot is not installed (Debian: dovecot-imapd dovecot-pop3d)"
    if not (version := dovecot_version()).startswith("2.3."):
        return f"Dovecot {version} has another config format than the 2.3 that the tests write"
    return ""


def dovecot_version() -> str:
    """Give the version of the Dovecot that is installed, `?` when it does not tell."""
    told = subprocess.run([str(_binary()), "--version"], capture_output=True, text=True, check=False).stdout.split()
    return told[0] if told else "?"


def _binary() -> str | None:
    return shutil.which("dovecot", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


class Dovecot(ReferenceUpstream):
    """`with Dovecot() as d:` a running server. All ports are on `host`; `users` maps names to passwords.

    `ca_file` is what a client must trust for `localhost` and 127.0.0.1. `storage` is how mail is kept: `mdbox` takes
    20,000 messages in a second. `extra` is further text for the config, such as `imap_capability = …`; `where` is the
    directory that its own is in.
    """

    def __init__(
        self,
        storage: Literal["sdbox", "maildir", "mdbox"] = "sdbox",
        users: Mapping[str, str] = USERS,
        extra: str = "",
        where: str = "/tmp",
    ) -> None:
        self.users = dict(users) | {f"fresh{n}": f"fresh secret {n}" for n in range(FRESH)}
        self._fresh = iter(range(FRESH))
        self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port = free_ports(4)
        self.root = Path(tempfile.mkdtemp(prefix="popbridge-dovecot-", dir=where))
        self.ca_file = self.root / "ca.pem"
        self.config = self.root / "dovecot.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare(f"{storage}:~/mail", extra)

    def _prepare(self, mail_location: str, extra: str) -> None:
        as_root = os.geteuid() == 0
        me, group = str(os.geteuid()), str(os.getegid())
        self.root.chmod(0o755)
        make_certificate(self.root)
        home = self.root / "home"
        home.mkdir()
        uid, gid = (MAIL_UID, MAIL_UID) if as_root else (os.geteuid(), os.getegid())
        if as_root:
            os.chown(home, uid, gid)
        (self.root / "users").write_text("".join(f"{name}:{word}\n" for name, word in self.users.items()))
        self.config.write_text(
            CONFIG.format(
                root=self.root,
                host=self.host,
                imap=self.imap_port,
                imaps=self.imaps_port,
                pop3=self.pop3_port,
                pop3s=self.pop3s_port,
                internal_user="dovecot" if as_root else f"#{me}",
                internal_group="dovecot" if as_root else f"#{group}",
                login_user="dovenull" if as_root else f"#{me}",
                mail_location=mail_location,
                extra=extra,
                uid=uid,
                gid=gid,
            )
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Not in order: now and then that takes it 6 s, and nothing of it is needed any more.
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def fresh_user(self) -> str:
        """Give a user whose mailboxes are empty and whom nobody else was given."""
        return f"fresh{next(self._fresh)}"

    @property
    def deaf(self) -> bool:
        """True when it notices no changes any more: too many of its processes wait for such on this machine."""
        log = self.root / "dovecot.log"
        return log.exists() and "Inotify instance limit" in log.read_text()

    def record(self, user: str) -> None:
        """Keep what is said in this user's connections from now on; `extra` must have had `RECORDED`."""
        for path in (self.root / "home" / user, self._rawlog(user)):
            path.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, MAIL_UID, MAIL_UID)

    def said(self, user: str) -> list[bytes]:
        """Give every line that clients sent in this user's recorded connections, without its time."""
        paths = sorted(self._rawlog(user).glob("*.in"))
        return [line.partition(b" ")[2] for path in paths for line in path.read_bytes().splitlines()]

    def _rawlog(self, user: str) -> Path:
        return self.root / "home" / user / "rawlog"

    @property
    def pid(self) -> int:
        """The master's process id; all its processes are of the session that the master began."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Give what Dovecot wrote to its log so far."""
        path = self.root / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start, and return once all ports answer. Output goes to files: with a pipe its start would hang."""
        with (self.root / "stdout").open("ab") as out:
            self._process = subprocess.Popen(
                [str(_binary()), "-F", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until(self._ready, 30, "Dovecot's ports")
        except TimeoutError as late:
            self.kill()
            raise RuntimeError(f"Dovecot did not start:\n{self.log}{(self.root / 'stdout').read_text()}") from late

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Dovecot ended:\n{self.log}{(self.root / 'stdout').read_text()}")
        return all(answers(port) for port in self._ports)

    def stop(self) -> None:
        """End it in order, with every connection; nothing happens when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the whole server at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Its processes share one session of ours: no login or mail process outlives its master.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        # The others of the session may end a little later, and hold the ports until then.
        wait_until(lambda: not any(answers(port) for port in self._ports), 10, "the end of Dovecot's ports")

    @property
    def _ports(self) -> tuple[int, ...]:
        return self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port

    def restart(self) -> None:
        """Stop and start again, on the same ports with the same mail."""
        self.stop()
        self.start()
