from __future__ import annotations

import dataclasses

import pytest

from seqbench.protocol import choices
from seqbench.protocol.cards import load_card
from seqbench.protocol.config import PairOptions
from seqbench.utils.errors import SeqbenchError

OPTIM = load_card("copy").tier("small").optim


def test_every_name_is_accepted_where_it_is_an_option() -> None:
    for optimizer in choices.OPTIMIZERS:
        assert dataclasses.replace(OPTIM, optimizer=optimizer).optimizer == optimizer
    for schedule in choices.SCHEDULES:
        assert dataclasses.replace(OPTIM, schedule=schedule).schedule == schedule
    for bridge in choices.BRIDGES:
        assert PairOptions(bridge=bridge).bridge == bridge
    assert set(load_card("copy").tiers) <= set(choices.TIERS)


def test_another_name_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"optim\.optimizer 'none' is unknown"):
        dataclasses.replace(OPTIM, optimizer="none")
    with pytest.raises(SeqbenchError, match=r"optim\.schedule 'none' is unknown"):
        dataclasses.replace(OPTIM, schedule="none")
