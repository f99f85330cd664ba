"""Real parts for tests: Dovecot, pymap, the bridge as a process, and what they need."""
