"""How much popbridge bears: `python -m tests.load`, `make load`."""
