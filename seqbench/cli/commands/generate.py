"""Continue a text or a tune, or translate a sentence, with a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqbench.protocol import cards, records
from seqbench.utils.errors import SeqbenchError

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.001, 1000.0
"""Range of the temperature. Outside of it, the divided logits can overflow, or do not differ any more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench generate`` to its parser."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="use the finished char-lm, music or translation run in this folder"
    )
    parser.add_argument(
        "--prompt", default="", help="continue this text or these frames of MIDI notes, or translate these sentences"
    )
    parser.add_argument(
        "--length", type=int, help="generate this many characters (default: 500) or frames (default: 64)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.8,
        help="divide the logits by this number; 0 takes the most likely (default: 0.8)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed the random draws with this number (default: 0)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write a MIDI file here (default: into the run folder)"
    )


def main(options: argparse.Namespace) -> int:
    """Print what the model generates; return 0.

    Raises:
        SeqbenchError: an option is out of range, there is no such run, or its task has nothing to generate.
    """
    if options.length is not None and options.length < 1:
        raise SeqbenchError(f"--length must be at least 1, got {options.length}.")
    if options.temperature != 0 and not LOWEST_TEMPERATURE <= options.temperature <= HIGHEST_TEMPERATURE:
        raise SeqbenchError(
            f"--temperature must be 0, or from {LOWEST_TEMPERATURE} to {HIGHEST_TEMPERATURE:g}, got "
            f"{options.temperature}."
        )
    if not 0 <= options.seed < 2**63:
        raise SeqbenchError(f"--seed must be from 0 to {2**63 - 1}, got {options.seed}.")
    folder = options.run.parent if options.run.name == records.NAME else options.run
    card = cards.load_card(records.read_record(folder).config.card.name)

    from seqbench.datamodules.loading import import_datamodule_class
    from seqbench.running import samples
    from seqbench.running.reload import load_module

    sampler = import_datamodule_class(card).sampler
    request = samples.Request(options.prompt, options.length, options.temperature, options.seed, options.out)
    print(samples.generate(sampler, load_module(folder), folder, request))
    return 0
