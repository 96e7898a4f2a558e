from __future__ import annotations

from pathlib import Path

import pytest
import sacrebleu

import seqbench
from seqbench.protocol import records
from tests.datamodules.test_translation import folder

__all__ = ["folder"]


CROSS_ATTENDING = "tests.models.bodies.sequence_pairs:AcceptsMemory"


@pytest.mark.parametrize(
    ("arch", "bridge"),
    [
        ("gru", "vector"),
        ("gru", "additive"),
        ("gru", "multihead"),
        ("gru", "decoder-only"),
        (CROSS_ATTENDING, "additive"),
    ],
)
def test_the_hypotheses_of_a_run_have_its_recorded_score(folder: Path, tmp_path: Path, arch: str, bridge: str) -> None:
    task = {"name": "translation", "data_dir": str(folder), "target_language": "fr", "vocabulary_size": 300}
    options = {"steps": 4, "batch_size": 8, "validate_every": 2}
    run = seqbench.run(
        {"name": arch, "d_model": 8}, {**task, "longest": 12, "beam": 2}, tier="smoke", logger="none",
        runs=tmp_path / "runs", optim=options, body={"bridge": bridge},
    )  # fmt: skip
    results = run.record.results
    assert results.status == "ok", results.reason
    hypotheses = (run.folder / "hypotheses.txt").read_text().splitlines()
    references = (folder / "test.fr").read_text().splitlines()
    assert len(hypotheses) == len(references)
    again = sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert results.metrics["test"]["bleu"].value == pytest.approx(again)
    assert results.sample_error == ""
    first = results.sample[0] if isinstance(results.sample, list) else None
    assert isinstance(first, dict)
    assert first["translation"] in hypotheses
    assert references[0] in (run.folder / "translations.txt").read_text()
    assert (run.folder / "attention.png").is_file() == (bridge in ("additive", "multihead"))
    assert results.lengths["sentences"]
    assert "bleu_signature" in run.record.config.data_facts
    assert records.read_record(run.folder).results == results


def test_a_reloaded_run_translates_as_in_its_test(folder: Path, tmp_path: Path) -> None:
    from seqbench.datamodules.text.tokenization import Tokenizer
    from seqbench.running.samples.translation_sample import attention_maps, translate

    task = {"name": "translation", "data_dir": str(folder), "target_language": "fr", "vocabulary_size": 300}
    options = {"steps": 2, "batch_size": 8, "validate_every": 2}
    run = seqbench.run(
        {"name": "gru", "d_model": 8}, task, tier="smoke", logger="none", runs=tmp_path, optim=options,
        encoder={"name": "lstm", "num_layers": 2},
    )  # fmt: skip
    assert run.record.config.encoder is not None
    assert run.record.config.encoder.name == "lstm"
    assert "gru+lstm" in str(run.folder)
    module = seqbench.load(run.folder)
    tokenizer = Tokenizer.from_json((run.folder / "tokenizer.json").read_text())
    source = (folder / "test.en").read_text().splitlines()
    hypotheses = (run.folder / "hypotheses.txt").read_text().splitlines()
    assert translate(module, tokenizer, source) == hypotheses
    (attention,) = attention_maps(module, tokenizer, source[:1])
    assert attention["weights"].shape == (len(attention["target"]), len(attention["source"]))
    assert attention["weights"].sum(1) == pytest.approx(1)
