"""The list of attacks in docs/reliability.md, out of their tests: `python -m tests.siege.listing` writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
RELIABILITY = HERE.parents[1] / "docs" / "reliability.md"
_NAMES = re.compile(r"\b(?:auth|http|pop3|quit|stls|tls)\b")
_PLACE = re.compile(r"(<!-- attacks -->\n)(.*?)(<!-- /attacks -->)", re.DOTALL)


def attacks() -> Iterator[str]:
    """Give each attack with what comes of it, as its test is called."""
    for path in sorted(HERE.glob("test_[!t]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                words = _NAMES.sub(lambda name: name[0].upper(), node.name.removeprefix("test_").replace("_", " "))
                yield f"- {words[0].upper()}{words[1:]} (`{path.name}`)"


def listed(text: str) -> str:
    """Give the list as a document has it."""
    found = _PLACE.search(text)
    assert found is not None, "there is no list of attacks in the document"
    return found[2]


def main() -> None:
    """Write the list."""
    text = RELIABILITY.read_text()
    made = "".join(f"{each}\n" for each in attacks())
    RELIABILITY.write_text(text.replace(listed(text), made) if listed(text) else _PLACE.sub(rf"\g<1>{made}\g<3>", text))


if __name__ == "__main__":
    main()
