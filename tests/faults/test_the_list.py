"""The list of faults in docs/reliability.md is what is tried."""

import pytest

from tests.faults.listing import RELIABILITY, cases, each_test, lines, listed, modules


def test_the_document_lists_every_fault() -> None:
    assert listed(RELIABILITY.read_text()).splitlines() == lines()


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_no_case_has_the_name_of_another(module: object) -> None:
    for _, test in each_test(module):  # type: ignore[arg-type]  # a module, as `modules` gives them
        assert len(set(cases(test))) == len(cases(test))
