"""Samples of music models: continuations of a piece as a MIDI file and as a picture of a piano roll."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seqbench.datamodules.piano_rolls import PianoRolls, melody
from seqbench.datamodules.sources.rolls import HIGHEST
from seqbench.datamodules.sources.synthetic_rolls import KEYS, LOWEST
from seqbench.models.decoding.sampling import sample_continuation
from seqbench.models.module import SequenceModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.specs import Tokens
from seqbench.running.samples import Request, Sample
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError

PROMPT, CONTINUATION, TEMPERATURE = 16, 64, 0.8
BEATS_PER_MINUTE, TICKS_PER_BEAT, VELOCITY = 100, 480, 64

Frames = Sequence[Sequence[int]]
"""The MIDI notes of each frame; a frame is a quarter note long."""


def draw_sample(module: SequenceModule, folder: Path) -> Sample:
    """Continue the beginning of the first test piece; write the result as a MIDI file and as a picture."""
    data = module.data
    assert isinstance(data, PianoRolls)
    piece = data.rolls.pieces("test")[0][:PROMPT]
    prompt = _token_notes(melody(piece)) if data.mode == "melody" else _roll_notes(piece)
    continuation = continue_music(module, prompt, CONTINUATION, TEMPERATURE, module.seed)
    write_midi(folder / run_folder.MIDI, [*prompt, *continuation])
    plot_roll(folder / run_folder.PIANO_ROLL, prompt, continuation)
    return Sample({"prompt": prompt, "continuation": continuation}, [folder / run_folder.PIANO_ROLL])


def generate(module: SequenceModule, folder: Path, request: Request) -> str:
    """Continue a prompt such as ``60+64+67 62+65`` (MIDI notes of each frame, ``-`` for silence); write a MIDI file.

    Without a prompt, continue the prompt of the run's own sample.

    Raises:
        SeqbenchError: the prompt does not have this form, or the file cannot be written.
    """
    prompt = _parse_frames(request.prompt) if request.prompt else _first_prompt(folder)
    played = continue_music(module, prompt, request.length or CONTINUATION, request.temperature, request.seed)
    path = request.out or folder / run_folder.GENERATED_MIDI
    try:
        write_midi(path, [*prompt, *played])
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    return f"{_format_frames(prompt)} | {_format_frames(played)}\n{path}"


def _first_prompt(folder: Path) -> list[list[int]]:
    sample = records.read_record(folder).results.sample
    prompt = sample.get("prompt") if isinstance(sample, dict) else None
    if not isinstance(prompt, list):
        raise SeqbenchError(f"{folder} holds no sample to continue; give frames of MIDI notes with --prompt.")
    return [[note for note in frame if isinstance(note, int)] for frame in prompt if isinstance(frame, list)]


def _parse_frames(line: str) -> list[list[int]]:
    try:
        return [[] if frame == "-" else [int(note) for note in frame.split("+")] for frame in line.split()]
    except ValueError:
        raise SeqbenchError(
            f"the prompt '{line}' is not a line of frames; give MIDI notes such as '60+64+67 62+65 -'."
        ) from None


def _format_frames(frames: Frames) -> str:
    return " ".join("+".join(map(str, frame)) or "-" for frame in frames)


def continue_music(
    module: SequenceModule, prompt_frames: Frames, frames: int, temperature: float, seed: int
) -> list[list[int]]:
    """Return the frames that the module plays after a prompt.

    Args:
        module: module trained on rolls or on melodies; a model of melodies reads the highest note of each frame.
        prompt_frames: MIDI notes of each frame; at least one frame.
        frames: number of frames to play.
        temperature: divisor of the log-odds; 0 selects the most likely output.
        seed: seed of the random draws.

    Raises:
        SeqbenchError: the prompt is empty, or a note is not a key of a piano.
    """
    roll = _build_roll(prompt_frames)
    on_melodies = isinstance(module.spec.input, Tokens)
    prompt = torch.from_numpy(melody(roll) if on_melodies else roll.astype(np.float32))[None].to(module.device)
    generator = torch.Generator().manual_seed(seed)
    drawn = (
        sample_continuation(module.body.eval(), module.objective, prompt, frames, generator, temperature)[0]
        .cpu()
        .numpy()
    )
    return _token_notes(drawn) if on_melodies else _roll_notes(drawn)


def write_midi(path: Path, frames: Frames) -> None:
    """Write frames as quarter notes of one piano; a note that is also in the next frame is held."""
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BEATS_PER_MINUTE)))
    silent = 0  # Ticks since the last message.
    for before, now in zip([[], *frames], [*frames, []], strict=True):
        for kind, notes in (("note_off", set(before) - set(now)), ("note_on", set(now) - set(before))):
            for note in sorted(notes):
                track.append(mido.Message(kind, note=note, velocity=VELOCITY, time=silent))
                silent = 0
        silent += TICKS_PER_BEAT
    # No note sounds after the last frame, so the last beat of the loop does not belong to the piece.
    track.append(mido.MetaMessage("end_of_track", time=silent - TICKS_PER_BEAT))
    written = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(file=written)
    atomic_files.write_bytes(path, written.getvalue())


def plot_roll(path: Path, prompt: Frames, continuation: Frames) -> None:
    """Draw keys over frames as a PNG: a bar for each held note, the prompt in grey and the continuation in blue."""
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # pyplot would keep state of the whole process.
    axes = figure.add_subplot()
    parts = ((prompt, 0, "#8a8a8a", "prompt"), (continuation, len(prompt), "#1f5fa8", "continuation"))
    for frames, start, colour, name in parts:
        for note, first, length in _held(frames):
            axes.barh(note, length - 0.12, left=start + first + 0.06, height=0.8, color=colour)
        # At the first frame of the part, above the axes.
        axes.text(start, 1.02, name, color=colour, transform=axes.get_xaxis_transform())
    axes.axvline(len(prompt), color="#8a8a8a", linewidth=0.8)
    notes = [note for frame in (*prompt, *continuation) for note in frame] or [60]
    # At least an octave, so that the axis has a C.
    bottom, top = min(notes) - 2, max(max(notes) + 2, min(notes) + 10)
    octaves = [note for note in range(0, 128, 12) if bottom <= note <= top]
    axes.set_yticks(octaves, [f"C{note // 12 - 1}" for note in octaves])
    axes.set(xlim=(0, len(prompt) + len(continuation)), ylim=(bottom, top))
    axes.set(xlabel="frame (quarter notes)", ylabel="key (C4 is middle C)")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path, format="png", metadata={"Software": None})


def _held(frames: Frames) -> list[tuple[int, int, int]]:
    """Return each held note with its first frame and its number of frames."""
    roll = np.zeros((len(frames) + 2, 128), np.int8)
    for number, frame in enumerate(frames, 1):
        roll[number, list(frame)] = 1
    change = np.diff(roll, axis=0).T
    starts, ends = np.argwhere(change == 1), np.argwhere(change == -1)
    return [(int(note), int(first), int(end - first)) for (note, first), (_, end) in zip(starts, ends, strict=True)]


def _build_roll(frames: Frames) -> np.ndarray:
    if not frames:
        raise SeqbenchError("the prompt has no frames; give at least one, as MIDI notes (it may be silent: []).")
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for number, frame in enumerate(frames):
        for note in frame:
            if not LOWEST <= note <= HIGHEST:
                raise SeqbenchError(
                    f"frame {number} of the prompt holds the note {note}; expected MIDI notes from {LOWEST} to "
                    f"{HIGHEST}, the keys of a piano."
                )
            roll[number, note - LOWEST] = 1
    return roll


def _roll_notes(roll: np.ndarray) -> list[list[int]]:
    return [(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll]


def _token_notes(tokens: np.ndarray) -> list[list[int]]:
    return [[int(token) - 1 + LOWEST] if token else [] for token in tokens]
