"""Defaults of tasks with pairs of sequences: the encoder of an architecture, its options, and the bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqbench.protocol import registry
from seqbench.protocol.cards import Tier
from seqbench.protocol.choices import CROSS_ATTENTION, DECODER_ONLY
from seqbench.protocol.class_outline import read_default_encoder
from seqbench.protocol.config import PairOptions
from seqbench.running.option_parser import body_options
from seqbench.running.run_request import Options, RunRequest

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule


def find_default_encoder(
    request: RunRequest, architecture: registry.Entry, tier: Tier, datamodule: type[SequenceDataModule]
) -> registry.Entry | None:
    """Return the encoder that an architecture declares for its decoder; None if it declares none or none is needed.

    Args:
        request: names and options from the user.
        architecture: entry of the architecture.
        tier: tier of the card.
        datamodule: class that the card names.

    Raises:
        SeqbenchError: the architecture declares a name that is unknown.
    """
    bridge = request.group("body").get("bridge", tier.body.get("bridge", PairOptions.bridge))
    if request.encoder or bridge == DECODER_ONLY or body_options(datamodule) is not PairOptions:
        return None
    name = read_default_encoder(architecture)
    return registry.find_entry(registry.ARCHITECTURES, name) if name else None


def default_body(architecture: type | None, tier: Tier, datamodule: type[SequenceDataModule]) -> Options:
    """Return the body's options of a card; a decoder that offers cross-attention has it instead of another bridge.

    Args:
        architecture: class of the decoder; None if it is not imported.
        tier: tier of the card.
        datamodule: class that the card names.
    """
    from seqbench.protocol.backbones import is_cross_attending  # Imports torch, as the class of the decoder did.

    pairs = body_options(datamodule) is PairOptions
    if not (pairs and is_cross_attending(architecture)) or tier.body.get("bridge") == DECODER_ONLY:
        return tier.body
    return {**tier.body, "bridge": CROSS_ATTENTION}


def follow_decoder(encoder: Mapping[str, object], decoder: Mapping[str, object], own: set[str]) -> dict[str, object]:
    """Return the options of a default encoder, which has the values of its decoder wherever both have the option.

    Args:
        encoder: options of the encoder.
        decoder: options of the decoder.
        own: options of the encoder that the user or the card sets.

    >>> follow_decoder({"num_layers": 1, "dropout": 0.1}, {"num_layers": 3, "d_model": 8}, {"dropout"})
    {'num_layers': 3, 'dropout': 0.1}
    """
    return {key: decoder[key] if key in decoder and key not in own else value for key, value in encoder.items()}
