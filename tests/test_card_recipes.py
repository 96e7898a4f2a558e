"""Every built-in card has the recipe that all tasks share in the tiers that are not those of a publication."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from seqbench.protocol import registry
from seqbench.protocol.cards import Card, Tier, load_card

TIERS = [
    pytest.param(card, tier, id=f"{card.name}-{tier}")
    for name, found in sorted(registry.list_entries(registry.TASKS).items())
    if found[0].distribution == "seqbench" and (card := load_card(name)).name == name
    for tier in card.tiers
    if tier != "paper"
]


def find_deviations(tier: Tier) -> list[str]:
    """Return what differs from the shared recipe."""
    optim, rates = tier.optim, tier.learning_rates
    mantissas = [rate / 10 ** math.floor(math.log10(rate) + 1e-9) for rate in rates]
    steps = [later / earlier for earlier, later in pairwise(rates)]
    required = {
        "adamw": optim.optimizer == "adamw",
        "weight decay": optim.weight_decay > 0,
        "cosine schedule": optim.schedule == "cosine",
        "warm-up of 5-10 % of the steps": 0.05 <= optim.warmup / optim.steps <= 0.1,
        "clipping": optim.clip > 0,
        "five learning rates": len(rates) == 5,
        "rates of 1, 2 or 5 times a power of ten": all(min(abs(m - k) for k in (1, 2, 5)) < 1e-6 for m in mantissas),
        "neighbouring rates": all(1.9 < step < 2.6 for step in steps),
        "its own rate inside the grid": optim.lr in rates[1:-1],
    }
    return [name for name, is_met in required.items() if not is_met]


@pytest.mark.parametrize(("card", "tier"), TIERS)
def test_every_tier_below_paper_has_the_shared_recipe(card: Card, tier: str) -> None:
    assert not find_deviations(card.tier(tier))
