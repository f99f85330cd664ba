"""The peer: Dovecot's pop3d over imapc, in an instance of its own, with its indexes on local disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.dovecot import MAIL_UID, Dovecot

FIRSTS = 40
"""How many logins there are whose mail the peer has never seen."""

BEST = "rfc822.size fetch-headers delay-login"
PLAIN = "rfc822.size delay-login"
"""Without fetch-headers it asks for less before a large message, and for the sizes one by one."""

CONFIG = """\
base_dir = {root}/run
state_dir = {root}/state
instance_name = popbridge-peer
log_path = {root}/dovecot.log
protocols = pop3
listen = {host}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
default_vsz_limit = 2G
first_valid_uid = 1
first_valid_gid = 0
mail_max_userip_connections = 1000
mail_fsync = never
mail_location = imapc:~/imapc
imapc_host = {host}
imapc_port = {upstream}
imapc_features = {best}
pop3_no_flag_updates = yes
{extra}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {root}/users
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


@dataclass(frozen=True)
class PeerUser:
    """A login at the peer: whose mail upstream it reads, through which port, and where its indexes lie."""

    name: str
    user: str
    port: int
    home: str
    features: str = BEST


def peer_users(users: Mapping[str, str], first_of: str, direct: int, line: int) -> list[PeerUser]:
    """Give every login there is: `NAME`, over the line `NAME-line`, with other features `NAME-plain`, and `firstN`.

    A login over the line shares its indexes with the direct one, since the two are never used at once.
    """
    found = [
        PeerUser(f"{user}{plain}{suffix}", user, port, user + plain, PLAIN if plain else BEST)
        for user in users
        for suffix, port in (("", direct), ("-line", line))
        for plain in ("", "-plain")
    ]
    found += [PeerUser(f"first{n}", first_of, direct, f"first{n}") for n in range(FIRSTS)]
    return found + [PeerUser(f"first{n}-line", first_of, line, f"first{n}-line") for n in range(FIRSTS)]


class Peer(Dovecot):
    """`with Peer(upstream, …) as peer:` it serves POP3 on `pop3_port`; a login's password is its upstream user's."""

    def __init__(self, upstream: Dovecot, logins: list[PeerUser], extra: str = "") -> None:
        self._upstream = upstream
        self._logins = logins
        super().__init__(extra=extra)

    def _prepare(self, mail_location: str, extra: str) -> None:
        as_root = os.geteuid() == 0
        me, group = f"#{os.geteuid()}", f"#{os.getegid()}"
        uid, gid = (MAIL_UID, MAIL_UID) if as_root else (os.geteuid(), os.getegid())
        self.root.chmod(0o755)
        home = self.root / "home"
        home.mkdir()
        if as_root:
            os.chown(home, uid, gid)
        words = self._upstream.users
        self.users = {each.name: words[each.user] for each in self._logins}
        (self.root / "users").write_text(
            "".join(
                f"{each.name}:{{PLAIN}}{words[each.user]}:{uid}:{gid}::{home}/{each.home}::"
                f"userdb_imapc_user={each.user} userdb_imapc_password={words[each.user]} "
                f"userdb_imapc_port={each.port} userdb_imapc_features={each.features.replace(' ', ',')}\n"
                for each in self._logins
            )
        )
        self.config.write_text(
            CONFIG.format(
                root=self.root,
                host=self.host,
                upstream=self._upstream.imap_port,
                best=BEST,
                pop3=self.pop3_port,
                internal_user="dovecot" if as_root else me,
                internal_group="dovecot" if as_root else group,
                login_user="dovenull" if as_root else me,
                extra=extra,
            )
        )

    @property
    def _ports(self) -> tuple[int, ...]:
        return (self.pop3_port,)
