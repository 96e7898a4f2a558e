"""Samples of character models: a generated text, and the vocabulary that is needed to generate more text."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from seqbench.datamodules.text.vocabulary import UNKNOWN, Vocabulary
from seqbench.models.decoding.sampling import sample_continuation
from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.specs import Tokens
from seqbench.running.samples import Request, Sample
from seqbench.utils import atomic_files, plain_data
from seqbench.utils.errors import SeqbenchError

logger = logging.getLogger(__name__)

CHARACTERS, TEMPERATURE = 400, 0.8


def draw_sample(module: SequenceModule, folder: Path) -> Sample:
    """Generate a text that starts on a new line; write it and the vocabulary."""
    vocabulary: Vocabulary = module.data.vocabulary  # type: ignore[union-attr]
    start = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
    text = continue_text(module, vocabulary, start, CHARACTERS, TEMPERATURE, module.seed)
    atomic_files.write_text(folder / run_folder.VOCABULARY, plain_data.to_json(list(vocabulary.characters)))
    atomic_files.write_text(folder / run_folder.SAMPLE, text)
    return Sample(text, [folder / run_folder.SAMPLE])


def generate(module: SequenceModule, folder: Path, request: Request) -> str:
    """Return a prompt and the text that the module generates after it.

    Raises:
        SeqbenchError: the vocabulary is missing or broken, or it belongs to another run.
    """
    vocabulary = Vocabulary(_characters(folder / run_folder.VOCABULARY))
    if module.spec.input != Tokens(len(vocabulary)):
        raise SeqbenchError(f"{folder / run_folder.VOCABULARY} is not the vocabulary of this run; run the model again.")
    prompt = request.prompt or "\n"
    unknown = sorted({c for c, i in zip(prompt, vocabulary.encode(prompt), strict=True) if i == UNKNOWN})
    if unknown:
        logger.info(f"the training text does not contain {unknown}; these characters are read as unknown.")
    return prompt + continue_text(module, vocabulary, prompt, request.length or 500, request.temperature, request.seed)


def _characters(path: Path) -> str:
    """Return the vocabulary of a run: the characters of its training text."""
    try:
        characters = plain_data.read_json(path)
    except FileNotFoundError:
        raise SeqbenchError(f"{path} is missing: the run did not finish; give the folder of a finished run.") from None
    except (OSError, ValueError) as error:
        raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    if not isinstance(characters, list) or not all(isinstance(c, str) and len(c) == 1 for c in characters):
        raise SeqbenchError(f"{path} is not a list of characters; run the model again.")
    return "".join(str(character) for character in characters)


def continue_text(
    module: SequenceModule, vocabulary: Vocabulary, prompt: str, length: int, temperature: float, seed: int
) -> str:
    """Return the text that the module generates after a prompt.

    Args:
        module: module trained on texts.
        vocabulary: vocabulary of the training text.
        prompt: text to continue; at least one character.
        length: number of characters to generate.
        temperature: divisor of the log-odds; 0 selects the most likely character.
        seed: seed of the random draws.
    """
    ids = torch.from_numpy(vocabulary.encode(prompt)).long()[None].to(module.device)
    generator = torch.Generator().manual_seed(seed)
    drawn = sample_continuation(
        module.body.eval(), module.objective, ids, length, generator, temperature, forbidden=(UNKNOWN,)
    )
    return vocabulary.decode(drawn[0].tolist())
