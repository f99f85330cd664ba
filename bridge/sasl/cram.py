"""CRAM-MD5: the password is not sent, but a digest of it and a challenge that is new each time (RFC 2195 §2)."""

import hmac

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError


def cram_digest(password: Secret, challenge: bytes) -> str:
    """Give the digest, in lower-case hexadecimal digits. Both sides compute it."""
    return hmac.digest(password.reveal().encode("utf-8", "surrogateescape"), challenge, "md5").hex()


class CramMd5:
    """CRAM-MD5, seen from who signs in. The server speaks first, and once."""

    name = "CRAM-MD5"

    def __init__(self, user: str, password: Secret) -> None:
        if not user or not password.reveal():
            raise SaslError("CRAM-MD5 carries neither an empty user nor an empty password.")
        self._user, self._password = user, password
        self.tested = False

    def initial(self) -> None:
        """Nothing: the challenge comes first."""

    def slow(self, challenge: bytes) -> bool:
        """Never."""
        return False

    def answer(self, challenge: bytes) -> bytes:
        """Give user and digest. Raises SaslError for a second challenge, and for an empty one."""
        if self.tested or not challenge:
            raise SaslError("The server's challenges are not those of CRAM-MD5.")
        self.tested = True
        return f"{self._user} {cram_digest(self._password, challenge)}".encode("utf-8", "surrogateescape")

    def succeeded(self) -> None:
        """CRAM-MD5 proves nothing of the server."""
