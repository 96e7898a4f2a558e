"""Let a trained character model go on with a prompt."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from seqbench import folders, records
from seqbench.errors import SeqbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run and how to draw."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished char-lm run")
    parser.add_argument("--prompt", default="\n", help="text to go on with (default: a new line)")
    parser.add_argument("--length", type=int, default=500, help="characters to write (default: 500)")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 takes the likeliest (default: 0.8)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")


def main(options: argparse.Namespace) -> int:
    """Print the prompt and what follows it."""
    if not options.prompt:
        raise SeqbenchError("the prompt is empty; give at least one character.")
    if options.length < 1:
        raise SeqbenchError(f"--length must be at least 1, got {options.length}.")
    if not options.temperature >= 0:
        raise SeqbenchError(f"--temperature must not be negative, got {options.temperature}.")
    characters = _characters(options.run.parent if options.run.name == records.NAME else options.run)

    import torch

    from seqbench.assembly import load
    from seqbench.decoding.sampling import sample
    from seqbench.vocabulary import UNKNOWN, Vocabulary

    vocabulary = Vocabulary(characters)
    module = load(options.run)
    ids = vocabulary.encode(options.prompt)
    if (ids == UNKNOWN).any():
        strange = sorted({c for c, i in zip(options.prompt, ids, strict=True) if i == UNKNOWN})
        print(f"seqbench: the training text never held {strange}; read as unknown.", file=sys.stderr)
    generator = torch.Generator().manual_seed(options.seed)
    prompt = torch.from_numpy(ids).long()[None]
    drawn = sample(
        module.body,
        module.objective,
        prompt,
        options.length,
        generator,
        options.temperature,
        forbidden=(UNKNOWN,),
    )
    print(options.prompt + vocabulary.decode(drawn[0].tolist()))
    return 0


def _characters(folder: Path) -> str:
    """The run's vocabulary: of the training text it saw."""
    task = records.read(folder).config.get("card", {}).get("name")
    path = folder / folders.VOCABULARY
    try:
        characters = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SeqbenchError(
            f"{folder} holds no vocabulary.json: '{task}' is no text task, or its run did not finish; "
            f"give the folder of a finished char-lm run."
        ) from None
    except (OSError, ValueError) as error:
        raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    if not isinstance(characters, list) or not all(isinstance(c, str) and len(c) == 1 for c in characters):
        raise SeqbenchError(f"{path} is no list of characters; run the model again.")
    return "".join(characters)
