"""Writes what is made from the schema: `python -m bridge.config.generate [ROOT]`, run after each change of it."""

import sys
from pathlib import Path

from bridge.config.describe import example, reference
from bridge.config.providers_page import providers

GENERATED = {
    "deploy/popbridge.toml.example": example,
    "docs/configuration.md": reference,
    "docs/providers.md": providers,
}
"""What is made, below the top of the repository."""


def main(root: Path) -> None:
    """Write every file anew."""
    for name, make in GENERATED.items():
        (root / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
