"""Real mail programs as devices. Each fetches what is new to it, leaves it there, and remembers it in `home`."""

import json
import os
import poplib
import re
import shutil
import ssl
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from tests.support.bridge_process import Door


@dataclass(frozen=True)
class Login:
    """Where and as whom a program logs in. `ca` is what it must trust."""

    door: Door
    name: str
    password: str
    ca: Path


class MailClient(ABC):
    """One program. `exact` tells that it hands on CRLF as it came; the others store LF."""

    program: str
    exact = False
    alters: frozenset[str] = frozenset()
    """Messages it changes by itself, whatever the server: `test_control.py` shows it on Dovecot's own POP3."""

    def missing(self) -> str:
        """Say why it cannot run here, or give an empty text."""
        return "" if shutil.which(self.program) else f"{self.program} is not installed"

    @abstractmethod
    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        """Fetch what is new, in no order, and leave it on the server."""

    def _run(self, home: Path, *command: str, good: tuple[int, ...] = (0,)) -> bytes:
        environ = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "FETCHMAILHOME": str(home)}
        done = subprocess.run(command, capture_output=True, check=False, timeout=120, env=environ, cwd=home)
        assert done.returncode in good, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout


def _remembered(home: Path) -> set[str]:
    path = home / "seen.json"
    return set(json.loads(path.read_text())) if path.exists() else set()


def _remember(home: Path, unique_ids: set[str]) -> None:
    (home / "seen.json").write_text(json.dumps(sorted(unique_ids)))


class Poplib(MailClient):
    """Python's poplib."""

    program = "python3"
    exact = True

    def missing(self) -> str:
        return ""

    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        poplib._MAXLINE = 1 << 20  # type: ignore[attr-defined]  # its 2048 octets fail on real mail
        pop3 = self._connect(login)
        pop3.user(login.name)
        pop3.pass_(login.password)
        seen, messages = _remembered(home), []
        for line in pop3.uidl()[1]:
            number, unique_id = line.decode().split()
            if unique_id not in seen:
                messages.append(b"".join(each + b"\r\n" for each in pop3.retr(int(number))[1]))
                seen.add(unique_id)
        pop3.quit()
        _remember(home, seen)
        return messages

    @staticmethod
    def _connect(login: Login) -> poplib.POP3:
        context = ssl.create_default_context(cafile=str(login.ca))
        if login.door.tls == "implicit":
            return poplib.POP3_SSL("localhost", login.door.port, context=context, timeout=60)
        pop3 = poplib.POP3("localhost", login.door.port, timeout=60)
        if login.door.tls == "starttls":
            pop3.stls(context)
        return pop3


class Curl(MailClient):
    """curl, one connection for each message."""

    program = "curl"
    exact = True

    def __init__(self, way: str = "") -> None:
        self.options = ["--login-options", f"AUTH={way}"] if way else []

    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        seen, messages = _remembered(home), []
        for line in self._curl(login, home, "", "--request", "UIDL").decode().splitlines():
            number, unique_id = line.split()
            if unique_id not in seen:
                messages.append(self._curl(login, home, number))
                seen.add(unique_id)
        _remember(home, seen)
        return messages

    def _curl(self, login: Login, home: Path, path: str, *options: str) -> bytes:
        scheme = "pop3s" if login.door.tls == "implicit" else "pop3"
        secured = [] if login.door.tls == "none" else ["--ssl-reqd", "--cacert", str(login.ca)]
        url = f"{scheme}://localhost:{login.door.port}/{path}"
        user = f"{login.name}:{login.password}"
        return self._run(
            home, "curl", "--silent", "--show-error", "--user", user, *self.options, *secured, *options, url
        )


class Mpop(MailClient):
    """mpop, into a maildir."""

    program = "mpop"

    def __init__(self, way: str = "user") -> None:
        self.way = way

    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        config = home / "mpoprc"
        tls = {
            "none": "tls off",
            "starttls": f"tls on\ntls_starttls on\ntls_trust_file {login.ca}",
            "implicit": f"tls on\ntls_starttls off\ntls_trust_file {login.ca}",
        }[login.door.tls]
        config.write_text(
            f"account default\nhost localhost\nport {login.door.port}\nuser {login.name}\npassword {login.password}\n"
            f"auth {self.way}\n{tls}\nkeep on\nuidls_file {home}/uidls\ndelivery maildir {home}/Mail\n"
            "received_header off\n"
        )
        config.chmod(0o600)
        mail = _fresh_maildir(home)
        self._run(home, "mpop", "--file", str(config), "--quiet")
        return _read(mail)


class Getmail(MailClient):
    """getmail6, handing each message to a program: its own maildir delivery refuses to run as root.

    It misses the end of a program that ends before it waits for that, and then waits for minutes: hence the pause.
    """

    program = "getmail"
    alters = frozenset({"header only"})

    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        kind = "SimplePOP3SSLRetriever" if login.door.tls == "implicit" else "SimplePOP3Retriever"
        trust = "" if login.door.tls == "none" else f"ca_certs = {login.ca}\n"
        stls = "use_stls = true\n" if login.door.tls == "starttls" else ""
        mail = _fresh_maildir(home)
        (home / "getmailrc").write_text(
            f"[retriever]\ntype = {kind}\nserver = localhost\nport = {login.door.port}\nusername = {login.name}\n"
            f"password = {login.password}\n{trust}{stls}\n"
            f"[destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n"
            f"arguments = ('-c', 'cat > $(mktemp {mail}/new/XXXXXXXX); sleep 0.03')\n\n"
            "[options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\nverbose = 0\n"
        )
        self._run(home, "getmail", "--getmaildir", str(home), "--rcfile", str(home / "getmailrc"))
        return _read(mail)


class Fetchmail(MailClient):
    """fetchmail, handing each message to a program."""

    program = "fetchmail"
    alters = frozenset({"header only", "long line", "long line of dots"})

    def __init__(self, way: str = "protocol pop3") -> None:
        self.way = way

    def fetch_new(self, login: Login, home: Path) -> list[bytes]:
        tls = {
            "none": "sslproto ''",
            "starttls": f"sslproto tls1.2+ sslcertck sslcertfile {login.ca}",
            "implicit": f"ssl sslcertck sslcertfile {login.ca}",
        }[login.door.tls]
        mail = _fresh_maildir(home)
        config = home / "fetchmailrc"
        config.write_text(
            f"set invisible\npoll localhost service {login.door.port} {self.way} uidl\n"
            f'  user "{login.name}" password "{login.password}" {tls} keep no rewrite pass8bits\n'
            f"  mda \"/bin/sh -c 'cat > $(mktemp {mail}/new/XXXXXXXX)'\"\n"
        )
        config.chmod(0o600)
        # 1: there was no new mail.
        self._run(home, "fetchmail", "-f", str(config), "--nodetach", "--nosyslog", good=(0, 1))
        return _read(mail)


def _fresh_maildir(home: Path) -> Path:
    mail = home / "Mail"
    shutil.rmtree(mail, ignore_errors=True)
    for name in ("new", "cur", "tmp"):
        (mail / name).mkdir(parents=True)
    return mail


def _read(mail: Path) -> list[bytes]:
    """Give what was delivered, without the line that a program put in front of it."""
    paths = [path for folder in ("new", "cur") for path in sorted((mail / folder).iterdir())]
    return [re.sub(rb"\A(?:Return-Path|Received):.*\n(?:[ \t].*\n)*", b"", path.read_bytes()) for path in paths]


CLIENTS: tuple[MailClient, ...] = (Poplib(), Curl(), Mpop(), Getmail(), Fetchmail())
