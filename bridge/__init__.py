"""popbridge: devices that only speak POP3 read mail that lives in IMAP accounts."""

__version__ = "0.1.0"
