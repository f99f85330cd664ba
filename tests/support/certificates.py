"""Certificates for one test run, made by trustme."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files of one server: what it shows, its key, and the authority that a client must trust."""

    certificate: Path
    key: Path
    ca: Path


def make_certificate(directory: Path, *names: str) -> Certificate:
    """Write a certificate for `names` (default: localhost and 127.0.0.1) into `directory`."""
    authority = trustme.CA()
    # The common name is for old programs that look no further.
    server = authority.issue_cert(*(names or ("localhost", "127.0.0.1")), common_name="localhost")
    files = Certificate(directory / "tls.crt", directory / "tls.key", directory / "ca.pem")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    files.key.write_bytes(server.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(files.ca))
    return files
