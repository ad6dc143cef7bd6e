"""The checks of the model find what they are for: each fault planted in the exporter makes them fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.mailchimp_manners import Witness
from tests.model.planted import PLANTED, Planted
from tests.model.town import Template, Town, a_world_without_waiting
from tests.model.watch import Broken


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """One migrated database for all."""
    with a_world_without_waiting():
        yield Template(tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_fault_is_caught(planted: Planted, template: Template, mailchimp_witness: Witness) -> None:
    with Town(template, Counter()) as town:
        planted.history(town)
    with ExitStack() as stack, Town(template, Counter()) as town:
        for one in planted.plant():
            stack.enter_context(one)
        with pytest.raises(Broken, match=planted.harm or None) as caught:
            planted.history(town)
        print(f"{planted.name}: {caught.value}")
    mailchimp_witness.hear_out()  # some faults send what Postino never may: here that is meant
