from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seqbench
from seqbench.datamodules import loading
from seqbench.models import build
from seqbench.models.weights import count_parameters
from seqbench.protocol import registry
from seqbench.protocol.specs import Features, SequenceSpec, StepLabels
from seqbench.running import parameter_matching, provenance, run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.optional import not_none


class Dips(nn.Module):
    """A backbone with fewer parameters at every fourth width."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.map = nn.Linear(d_model, d_model, bias=bool(d_model % 4))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = self.map(x)
        return y


class Sixteenths(Dips):
    """A backbone that accepts multiples of 16, and raises an AssertionError for other widths."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        assert d_model % 16 == 0, "give me a multiple of 16"


class Seven(Dips):
    """A backbone that accepts one width only."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        assert d_model == 7, "give me 7"


OWN = [name for name, found in registry.list_entries(registry.ARCHITECTURES).items() if not found[0].extras]
"""Architectures that need no further library; the others may need a CUDA device."""

TOO_COARSE = {("parity", name) for name in ("linear-attention", "mingru", "transformer")}
"""Cases in which neighbouring widths differ by over 4 % of the parameters, and the target lies between two of them, so
that heads or layers change too."""


def matched(arch: Any, task: Any, number: Any, *arguments: str, **changed: Any) -> Any:
    data = {"arch": arch, "task": task, "tier": "smoke", "match_params": number, "logger": "none", **changed}
    return run_config.resolve_config(RunRequest.from_mapping(data, arguments))


def counted(config: Any) -> int:
    """Return the number of parameters of the module, built with its weights."""
    return count_parameters(build.build_module_from_spec(config, loading.build_datamodule(config).spec))


@pytest.mark.parametrize(("task", "number"), [("copy", 100_000), ("parity", 20_000)])
@pytest.mark.parametrize("arch", OWN)
def test_every_architecture_comes_within_two_percent(arch: str, task: str, number: int) -> None:
    if registry.find_entry(registry.ARCHITECTURES, arch).load().causal is False:
        with pytest.raises(SeqbenchError, match=f"architecture '{arch}' looks ahead"):
            matched(arch, task, number)
        return
    given = {"arch": arch, "task": task, "tier": "smoke", "match_params": number}
    config = run_config.resolve_config(RunRequest.from_mapping(given))
    assert abs(counted(config) - number) <= 0.02 * number
    chosen = set(not_none(config.size_match).options)
    assert (chosen == {"d_model"}) == ((task, arch) not in TOO_COARSE)


@pytest.mark.parametrize(
    "arch", [a for a in OWN if registry.find_entry(registry.ARCHITECTURES, a).load().causal is False]
)
def test_architectures_that_look_ahead_come_within_two_percent_too(arch: str) -> None:
    assert abs(counted(matched(arch, "sentiment-order", "100k")) - 100_000) <= 2_000


def test_only_the_width_changes() -> None:
    given = {"name": "gru", "num_layers": 2, "dropout": 0.25}
    config = matched(given, {"name": "copy", "delay": 7}, "100k", optim={"lr": 1e-4})
    plain = run_config.resolve_config(
        RunRequest.from_mapping(
            {
                "arch": given,
                "task": {"name": "copy", "delay": 7},
                "tier": "smoke",
                "optim": {"lr": 1e-4},
                "logger": "none",
            }
        )
    )
    assert config.arch_options == {**plain.arch_options, "d_model": config.arch_options["d_model"]}
    changed, same = config.options(), plain.options()
    del changed["arch"]["d_model"], same["arch"]["d_model"]
    assert changed == same


def test_a_matched_width_and_the_same_width_given_are_one_run(tmp_path: Path) -> None:
    found = matched("gru", "copy", "20k")
    named = run_config.resolve_config(
        RunRequest.from_mapping(
            {
                "arch": {"name": "gru", "d_model": found.arch_options["d_model"]},
                "task": "copy",
                "tier": "smoke",
                "logger": "none",
            }
        )
    )
    assert found.digest() == named.digest()
    assert found.folder(tmp_path) == named.folder(tmp_path)
    assert found.modified() == named.modified()
    assert found.options() == named.options()
    assert dataclasses.replace(found, match_params=None, size_match=None) == named
    module = build.build_module(found)
    assert provenance.describe_run(found, module)["match_params"] == 20_000
    assert provenance.describe_run(named, module)["match_params"] is None


def test_the_nearest_width_is_found_though_counts_do_not_grow_at_each_width() -> None:
    for number in (10_111, 41_300, 90_007):
        config = matched("tests.running.test_parameter_matching:Dips", "parity", number)
        around = range(1, 2 * config.arch_options["d_model"])
        counts = {d: d * d + (d if d % 4 else 0) + 2 * d + 2 * d + 2 for d in around}
        assert counted(config) == counts[config.arch_options["d_model"]]
        assert abs(counted(config) - number) == min(abs(count - number) for count in counts.values())


def test_refused_widths_are_skipped() -> None:
    config = matched("tests.running.test_parameter_matching:Sixteenths", "parity", "44k")
    assert (config.arch_options["d_model"], counted(config)) == (208, 208 * 208 + 4 * 208 + 2)
    # The only accepted width is far from those that the search tries first.
    assert matched("tests.running.test_parameter_matching:Seven", "parity", 86).arch_options["d_model"] == 7
    assert matched("bigru", "sentiment-order", "100k").arch_options["d_model"] % 2 == 0


def test_an_encoder_has_the_width_of_its_decoder(small_data: Path, cache: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs"), "vocabulary_size": 300}
    config = matched("gru", task, "60k", encoder="bilstm", body={"bridge": "multihead", "heads": 4})
    assert config.arch_options["d_model"] % 4 == 0
    assert "d_model" not in config.encoder_options
    assert abs(counted(config) - 60_000) <= 0.02 * 60_000


@pytest.mark.parametrize(
    ("arch", "number", "sentence"),
    [
        (
            {"name": "lstm", "num_layers": 1},
            700,
            r"no size of 'lstm' on 'parity' comes within 2 % of 700 parameters: d_model 8 has 610 and d_model 9 has "
            r"758; choose one of these numbers, .* leave out --arch.num_layers",
        ),
        ("lstm", 3, "d_model 1 has 22"),
        (
            "tests.running.test_parameter_matching:Seven",
            20_000,
            "d_model 7 has 86; choose one .* or a larger --match-tolerance",
        ),
        ({"name": "gru", "num_layers": 0}, 20_000, "num_layers must be at least 1, got 0"),
    ],
)
def test_a_target_between_two_sizes_is_refused_with_both_sizes(arch: Any, number: int, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        matched(arch, "parity", number)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("100k", 100_000),
        ("100K", 100_000),
        ("1.5M", 1_500_000),
        ("2b", 2_000_000_000),
        ("2e5", 200_000),
        ("1e+5", 100_000),
        ("100000", 100_000),
        (100_000, 100_000),
        (2e5, 200_000),
        (" 7 ", 7),
    ],
)
def test_a_number_of_parameters_is_parsed(value: object, number: int) -> None:
    assert parameter_matching.parse_parameter_count(value) == number


@pytest.mark.parametrize("value", ["", "many", "100 k", "k", "-5", "0", "1.5", "1.0001k", "1e-3", "nan", True, -1, 0.5])
def test_a_value_that_is_no_number_of_parameters_is_refused(value: object) -> None:
    with pytest.raises(SeqbenchError, match=r"must be a number of parameters such as 100k, 1\.5M, 2e5 or 100000, got"):
        parameter_matching.parse_parameter_count(value)


def test_a_module_on_the_meta_device_has_no_values_and_draws_no_random_numbers() -> None:
    config = run_config.resolve_config(RunRequest.from_mapping({"arch": "lstm", "task": "copy", "tier": "smoke"}))
    # The head, whose bias starts from the rates of the labels, and the scaled embeddings have no values either.
    spec = SequenceSpec(Features(5), StepLabels(5, rates=(0.1, 0.2, 0.3, 0.4, 0.5)), max_length=9)
    before = torch.random.get_rng_state()
    module = build.build_on_meta_device(config, spec)
    assert all(parameter.is_meta for parameter in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert count_parameters(module) == count_parameters(build.build_module_from_spec(config, spec))


def test_match_params_works_from_python(tmp_path: Path) -> None:
    module = seqbench.build("gru", "copy", tier="smoke", match_params="10k")
    assert abs(count_parameters(module) - 10_000) <= 200
    optim = {"steps": 2, "batch_size": 4, "validate_every": 2}
    task = {"name": "copy", "delay": 2, "samples": 8}
    run = seqbench.run("gru", task, tier="smoke", match_params=5_000, optim=optim, logger="none", runs=tmp_path)
    assert run.record.config.match_params == 5_000
    assert abs(not_none(run.record.config.parameters) - 5_000) <= 100
    assert "match_params" not in (run.folder / "config.yaml").read_text()
    json.dumps(run.record.config.options.to_dict())


def test_options_that_the_user_sets_are_kept_and_the_message_names_them() -> None:
    arch = {"name": "transformer", "num_layers": 2, "heads": 4}
    with pytest.raises(
        parameter_matching.NoMatchingSize, match=r"within 2 % of 700 parameters: d_model 4 has 462 and"
    ) as e:
        matched(arch, "parity", 700)
    assert all(option in str(e.value) for option in ("leave out", "--arch.heads", "--arch.num_layers"))
    config = matched({"name": "transformer", "num_layers": 2}, "parity", 700)
    assert config.arch_options["num_layers"] == 2
    assert abs(counted(config) - 700) <= 14


def test_a_larger_tolerance_accepts_the_nearest_width_and_is_recorded() -> None:
    arch = {"name": "transformer", "num_layers": 2, "heads": 4}
    config = matched(arch, "parity", 700, match_tolerance="20%")
    assert abs(counted(config) - 700) <= 140
    match = provenance.describe_run(config, build.build_module(config))["size_match"]
    assert match == {"requested": 700, "tolerance": 0.2, "options": {"d_model": config.arch_options["d_model"]}}


@pytest.mark.parametrize("value", ["0", "60%", "-1", "x", True, 0.0])
def test_a_tolerance_that_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(SeqbenchError, match="match_tolerance must be a share"):
        parameter_matching.parse_tolerance(value)


def test_a_tolerance_without_a_number_of_parameters_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="match_tolerance is for match_params"):
        RunRequest.from_mapping({"arch": "gru", "task": "copy", "match_tolerance": 0.05})
