"""The default encoder of an architecture, its options, and the default bridge, in whole configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol.config import RunConfig
from seqbench.running.pair_defaults import follow_decoder
from seqbench.running.run_config import resolve_config
from seqbench.running.run_request import RunRequest
from tests.models.modules import PAIRS


def resolve(data: Path, arch: Any, **request: Any) -> RunConfig:
    task = {**PAIRS, "data_dir": str(data / "pairs")}
    return resolve_config(RunRequest.from_mapping({"arch": arch, "task": task, "tier": "smoke", **request}))


@pytest.mark.parametrize(("arch", "encoder"), [("gru", "bigru"), ("transformer", "bitransformer"), ("mamba", None)])
def test_a_configuration_names_the_default_encoder_and_the_run_does_not(
    arch: str, encoder: str | None, small_data: Path
) -> None:
    config = resolve(small_data, arch)
    assert (config.encoder, config.model) == (encoder, arch)
    assert config.encoder_is_default == (encoder is not None)


def test_another_encoder_and_a_decoder_alone_have_names_of_their_own(small_data: Path) -> None:
    assert resolve(small_data, "gru", encoder="gru").model == "gru+gru"
    alone = resolve(small_data, "gru", body={"bridge": "decoder-only"})
    assert (alone.encoder, alone.model) == (None, "gru+decoder-only")


def test_the_default_encoder_has_the_options_of_its_decoder_except_those_of_the_user(small_data: Path) -> None:
    config = resolve(small_data, {"name": "transformer", "num_layers": 3, "heads": 2, "dropout": 0.25})
    assert {**config.encoder_options, "num_layers": 3} == config.encoder_options
    assert (config.encoder_options["heads"], config.encoder_options["dropout"]) == (2, 0.25)
    task = {**PAIRS, "data_dir": str(small_data / "pairs")}
    own = RunRequest.from_mapping(
        {"arch": {"name": "gru", "num_layers": 2}, "task": task, "tier": "smoke"}, ["--encoder.num_layers", "1"]
    )
    assert resolve_config(own).encoder_options["num_layers"] == 1


def test_a_decoder_that_offers_cross_attention_has_it_unless_the_user_chooses_a_bridge(small_data: Path) -> None:
    assert resolve(small_data, "transformer").body["bridge"] == "cross-attention"
    assert resolve(small_data, "transformer", body={"bridge": "multihead"}).body["bridge"] == "multihead"
    assert resolve(small_data, "gru").body["bridge"] == "multihead"
    assert resolve(small_data, "transformer").modified() == resolve(small_data, "gru").modified()


def test_a_task_without_pairs_has_no_encoder_and_no_bridge() -> None:
    config = resolve_config(RunRequest.from_mapping({"arch": "transformer", "task": "copy", "tier": "smoke"}))
    assert config.encoder is None
    assert "bridge" not in config.body


def test_matched_parameters_change_the_heads_of_encoder_and_decoder_together(small_data: Path) -> None:
    config = resolve(small_data, "transformer", match_params=12_000, match_tolerance=0.02)
    assert config.encoder_options["heads"] == config.arch_options["heads"]
    assert config.encoder_options["num_layers"] == config.arch_options["num_layers"]


def test_options_of_the_decoder_reach_shared_options_of_the_encoder_only() -> None:
    followed = follow_decoder({"heads": 4, "skip": False}, {"heads": 2, "max_context": 9}, own=set())
    assert followed == {"heads": 2, "skip": False}
