from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import mido
import numpy as np
import pytest
import torch

from seqbench.datamodules.piano_rolls import PianoRolls, melody
from seqbench.models import build, objectives
from seqbench.models.bodies import SingleBackbone
from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.batches import Keys
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.running.samples import draw_sample, music_sample
from seqbench.utils.errors import SeqbenchError

FRAMES = [[60, 64], [60, 67], [], [60], [60], [48, 60, 108], [21], []]


def make(mode: str, piece: Sequence[list[int]] | None = None, folder: Path | None = None) -> SequenceModule:
    where = {"source": "synthetic"} if folder is None else {"data_dir": str(folder)}
    if folder is not None:
        (folder / "mine.json").write_text(json.dumps({key: [piece] for key in ("train", "valid", "test")}))
    data = PianoRolls("jsb", 4, Keys(0, "music", 1), mode=mode, **where)  # type: ignore[arg-type]
    # The samples depend on the spec and the data alone, so the task of the configuration may be another one.
    request = RunRequest.from_mapping({"arch": {"name": "gru", "d_model": 8}, "task": "copy", "tier": "smoke"})
    module = build.build_module_from_spec(run_config.resolve_config(request), data.spec)
    module.data = data
    return module


def draw(module: SequenceModule, folder: Path) -> dict[str, list[list[int]]]:
    """Return the data of the sample: the frames of the prompt and of the continuation."""
    sample = draw_sample(module, folder)
    assert sample is not None
    assert list(sample.files) == [folder / run_folder.PIANO_ROLL]
    return cast(dict[str, list[list[int]]], sample.data)


def notes_of(path: Path) -> tuple[list[tuple[int, float, float]], float]:
    """Each note with its start and length in quarter notes, and the length of the whole."""
    file = mido.MidiFile(path)
    assert len(file.tracks) == 1
    now, sounding, found = 0, {}, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            assert message.note not in sounding
            sounding[message.note] = now
        elif message.type in ("note_on", "note_off"):
            start = sounding.pop(message.note)
            found.append((message.note, start / file.ticks_per_beat, (now - start) / file.ticks_per_beat))
    assert not sounding
    return sorted(found, key=lambda note: (note[1], note[0])), now / file.ticks_per_beat


def test_midi_holds_notes_over_frames(tmp_path: Path) -> None:
    music_sample.write_midi(tmp_path / "a.mid", FRAMES)
    notes, length = notes_of(tmp_path / "a.mid")
    assert notes == [(60, 0, 2), (64, 0, 1), (67, 1, 1), (60, 3, 3), (48, 5, 1), (108, 5, 1), (21, 6, 1)]
    assert length == len(FRAMES)
    assert mido.MidiFile(tmp_path / "a.mid").length == pytest.approx(len(FRAMES) * 0.6)  # 100 beats a minute, s


def test_any_frames_are_read_back_from_midi(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frames = [(np.flatnonzero(rng.random(88) < 0.3) + 21).tolist() for _ in range(50)]
    music_sample.write_midi(tmp_path / "a.mid", frames)
    again: list[list[int]] = [[] for _ in frames]
    for note, start, length in notes_of(tmp_path / "a.mid")[0]:
        for frame in range(int(start), int(start + length)):
            again[frame].append(note)
    assert [sorted(frame) for frame in again] == frames


@pytest.mark.parametrize("mode", ["roll", "melody"])
def test_a_module_continues_the_first_test_piece(tmp_path: Path, mode: str) -> None:
    module = make(mode)
    data = draw(module, tmp_path)
    piece = module.data.rolls.pieces("test")[0][:16]  # type: ignore[union-attr]
    wanted = piece if mode == "roll" else np.eye(89, dtype=np.uint8)[melody(piece)][:, 1:]
    assert data["prompt"] == [(np.flatnonzero(frame) + 21).tolist() for frame in wanted]
    assert len(data["continuation"]) == 64
    assert all(21 <= note <= 108 for frame in data["continuation"] for note in frame)
    assert mode == "roll" or max(map(len, data["continuation"])) == 1
    assert json.loads(json.dumps(data)) == data
    _, length = notes_of(tmp_path / "continuation.mid")
    assert length == 80
    assert (tmp_path / run_folder.PIANO_ROLL).read_bytes()[:4] == b"\x89PNG"
    assert draw(module, tmp_path) == data


def test_a_piece_shorter_than_the_prompt_is_shown_whole(tmp_path: Path) -> None:
    assert draw(make("roll", [[60], [62, 64]], tmp_path), tmp_path)["prompt"] == [[60], [62, 64]]


@pytest.mark.parametrize("mode", ["roll", "melody"])
def test_drawn_notes_are_the_next_inputs(mode: str) -> None:
    """The model is built to predict its last input, one key higher."""
    module = make(mode)

    class Same(torch.nn.Module):
        causal = True

        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            return x

    width = 88 if mode == "roll" else 89
    module.body = SingleBackbone(module.spec, Same(), width)
    module.objective = objectives.build_objective(module.spec, width)
    table, head = module.body.embedding.table, module.objective.head
    assert isinstance(table, torch.nn.Linear | torch.nn.Embedding)
    assert isinstance(head, torch.nn.Linear)
    table.weight.data = torch.eye(width)
    if isinstance(table, torch.nn.Linear):
        table.bias.data.zero_()
    head.weight.data = 9 * torch.eye(width).roll(1, 0)
    head.bias.data.fill_(-1)
    assert music_sample.continue_music(module, [[40], [60]], 3, temperature=0, seed=0) == [[61], [62], [63]]


def test_seeds_and_temperature_decide_the_draws() -> None:
    module = make("roll")
    one, again, other = (music_sample.continue_music(module, [[60]], 8, 1.0, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert music_sample.continue_music(module, [[60], []], 0, 1.0, 0) == []


def test_a_melody_reads_the_highest_note_of_a_prompt() -> None:
    module = make("melody")
    assert music_sample.continue_music(module, [[48, 60], []], 8, 1.0, 0) == music_sample.continue_music(
        module, [[60], []], 8, 1.0, 0
    )


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [([], "the prompt has no frames"), ([[60], [20]], "frame 1 of the prompt holds the note 20"), ([[109]], "109")],
)
def test_a_prompt_of_other_notes_is_refused(prompt: list[list[int]], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        music_sample.continue_music(make("roll"), prompt, 4, 1.0, 0)


def test_sampling_keeps_no_state_and_accepts_any_music(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    pieces: list[tuple[list[list[int]], list[list[int]]]]
    pieces = [(FRAMES, FRAMES), ([[]], [[], []]), ([[21]], []), ([[108]], [[21]])]
    for number, (prompt, continuation) in enumerate(pieces):
        music_sample.plot_roll(tmp_path / f"{number}.png", prompt, continuation)
    assert torch.equal(torch.get_rng_state(), before)
    music_sample.plot_roll(tmp_path / "again.png", FRAMES, FRAMES)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "0.png").read_bytes()


@pytest.mark.gpu
def test_music_is_continued_on_the_device_of_the_module() -> None:
    for mode in ("roll", "melody"):
        on_cpu = music_sample.continue_music(make(mode), [[60]], 8, 1.0, 0)
        assert music_sample.continue_music(make(mode).to("cuda"), [[60]], 8, 1.0, 0) == on_cpu
