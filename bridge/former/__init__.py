"""Moving in: the unique-ids that a device's former POP3 server gave to the messages that popbridge shows it."""
