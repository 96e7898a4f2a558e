"""Let a trained model go on with a text or a tune, or translate a sentence."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqbench.protocol import cards, records
from seqbench.utils.errors import SeqbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run and how to draw."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished char-lm, music or translation run")
    parser.add_argument("--prompt", default="", help="a text to go on with, frames of MIDI notes, or sentences")
    parser.add_argument("--length", type=int, help="characters (default: 500) or frames (default: 64) to go on for")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 takes the likeliest (default: 0.8)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where a MIDI file goes (default: the run's folder)")


def main(options: argparse.Namespace) -> int:
    """Print what the model makes of the prompt."""
    if options.length is not None and options.length < 1:
        raise SeqbenchError(f"--length must be at least 1, got {options.length}.")
    if not options.temperature >= 0:
        raise SeqbenchError(f"--temperature must not be negative, got {options.temperature}.")
    if not 0 <= options.seed < 2**63:
        raise SeqbenchError(f"--seed must be from 0 to {2**63 - 1}, got {options.seed}.")
    folder = options.run.parent if options.run.name == records.NAME else options.run
    named = records.read_record(folder).config.get("card")
    if not isinstance(named, dict) or not isinstance(named.get("name"), str):
        raise SeqbenchError(f"the record in {folder} names no task, so it is not known what to generate.")
    card = cards.load_card(named["name"])

    from seqbench.datamodules.loading import import_datamodule_class
    from seqbench.running import samples
    from seqbench.running.reload import load_module

    sampler = import_datamodule_class(card).sampler
    request = samples.Request(options.prompt, options.length, options.temperature, options.seed, options.out)
    print(samples.generate(sampler, load_module(folder), folder, request))
    return 0
