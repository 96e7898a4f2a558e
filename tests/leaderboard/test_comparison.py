from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from seqbench.leaderboard import comparison
from seqbench.leaderboard.comparison_data import CostPair
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import to_json
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record


def changed(run: Record, section: str, path: str, value: Any) -> Record:
    """Return the record with another value at a dotted path."""

    return changed_record(run, f"{section}.{path}", value)


def test_differences_are_named_and_those_of_the_machine_have_no_effect() -> None:
    a = example_record("copy", "gru", 0)
    b = changed(example_record("copy", "gru", 0, lr=1e-3), "config", "options.trainer.threads", 2)
    a = changed(a, "config", "packages.torch", "9.8")
    b = changed(changed(b, "config", "packages.torch", "9.9"), "measured", "device", "another")
    found = comparison.compare_records(a, b)
    assert found.differs == {
        "optim.lr": [5e-3, 1e-3],
        "trainer.threads": [1, 2],
        "packages.torch": ["9.8", "9.9"],
        "device": ["a processor, 1 thread", "another"],
    }
    assert (found.changed, found.same_configuration) == (["optim.lr"], False)


def test_precision_has_an_effect_and_a_seed_is_no_configuration() -> None:
    a = example_record("copy", "gru", 0)
    half = comparison.compare_records(a, changed(a, "config", "options.trainer.precision", "bf16"))
    assert (half.changed, half.same_configuration) == (["trainer.precision"], False)
    seeds = comparison.compare_records(a, example_record("copy", "gru", 1))
    assert (seeds.changed, seeds.same_configuration, seeds.same_seed) == (["seed"], True, False)


def test_the_sample_is_not_compared() -> None:
    a = example_record()
    sampled = changed(a, "results", "sample", "to be")
    for found in (comparison.compare_records(a, sampled), comparison.compare_records(sampled, a)):
        assert (found.same_results, found.same_record) == (True, True)
    slower = comparison.compare_records(a, example_record(seconds=99.0))
    assert (slower.same_results, slower.same_record) == (True, False)
    assert not comparison.compare_records(a, example_record(value=0.90001)).same_results


@pytest.mark.parametrize(
    ("task", "values", "difference", "better"),
    [
        ("copy", (0.5, 0.75), 0.25, "B"),
        ("copy", (0.75, 0.5), -0.25, "A"),
        ("copy", (0.5, 0.5), 0.0, "neither"),
        ("music-jsb", (8.5, 8.25), -0.25, "B"),
        ("music-jsb", (8.25, 8.5), 0.25, "A"),
    ],
)
def test_scores_have_a_difference_and_one_is_better(
    task: str, values: tuple[float, float], difference: float, better: str
) -> None:
    a, b = (example_record(task, "gru", 0, value) for value in values)
    (row,) = comparison.compare_records(a, b).metrics["test"].values()
    assert (row.value, row.difference, row.better) == (list(values), difference, better)
    assert row.decides


def test_the_direction_of_other_metrics_follows_from_chance_and_best() -> None:
    def with_(value: float, chance: float, best: float | None) -> Record:
        line = {"value": value, "chance": chance, "best": best}
        return changed(example_record(), "results", "metrics.test.other", line)

    for lines, better in (((0.0, 1.0), "B"), ((1.0, 0.0), "A"), ((0.0, None), None), ((0.5, 0.5), None)):
        row = comparison.compare_records(with_(0.2, *lines), with_(0.3, *lines)).metrics["test"]["other"]
        assert (row.difference, row.better) == (pytest.approx(0.1), better)
    # Another chance score means other data.
    row = comparison.compare_records(with_(0.2, 0.0, 1.0), with_(0.3, 0.1, 1.0)).metrics["test"]["other"]
    assert (row.difference, row.better, row.chance) == (None, None, [0.0, 0.1])
    only = comparison.compare_records(example_record(), with_(0.3, 0.0, 1.0)).metrics["test"]["other"]
    assert (only.value, only.difference) == ([None, 0.3], None)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (lambda a: example_record("parity"), "different tasks, copy and parity"),
        (lambda a: example_record(tier="smoke"), "different tiers, small and smoke"),
        (lambda a: changed(a, "config", "card.version", 3), "different versions of the card, 2 and 3"),
        (lambda a: changed(a, "config", "card.digest", "f" * 64), "different cards, "),
        (lambda a: changed(a, "config", "options.task.delay", 7), "their tasks differ in task.delay"),
        (lambda a: changed(a, "config", "data", {"x": "0"}), "their data have different checksums"),
    ],
)
def test_scores_of_different_tasks_or_data_are_not_compared(other: Callable[[Record], Record], reason: str) -> None:
    a = example_record()
    found = comparison.compare_records(a, other(a))
    assert reason in (found.unlike or "")
    assert not found.same_configuration
    for split in found.metrics.values():
        assert all(row.difference is None and row.better is None for row in split.values())


def test_the_path_of_the_data_is_not_compared() -> None:
    a, b = (changed(example_record(), "config", "data", {f"test/{name}": "0"}) for name in ("a.txt", "b.txt"))
    b = changed(b, "config", "options.task.data_dir", "/elsewhere")
    assert comparison.compare_records(a, b).unlike is None


def test_costs_have_a_ratio() -> None:
    found = comparison.compare_records(
        example_record(seconds=50.0), example_record(seconds=75.0, tokens_per_second=None)
    ).costs
    assert found["seconds"] == CostPair([50.0, 75.0], 1.5)
    assert found["tokens_per_second"] == CostPair([10_000.0, None], None)
    assert found["parameters"] == CostPair([100_000, 100_000], 1.0)


def test_curves_are_compared_at_a_few_common_steps() -> None:
    a = changed(example_record(), "results", "curves.train", {"step": [500, 1000], "loss": [2.0, 1.0]})
    b = changed(example_record(), "results", "curves.validation.step", list(range(1000, 8001, 1000)))
    found = comparison.compare_records(a, b).curve
    assert found is not None
    assert found.step == [1000, 2000, 3000, 4000]
    metric = a.results.curves.validation["accuracy"]
    assert found.score[0] == [metric[1], b.results.curves.validation["accuracy"][0]]
    assert found.loss == [[1.0, None], [None, None], [None, None], [None, None]]
    whole = comparison.compare_records(a, a).curve
    assert whole is not None
    assert (len(whole.step), whole.step[0], whole.step[-1]) == (comparison.POINTS, 500, 4000)
    assert comparison.compare_records(a, example_record("parity")).curve is None
    apart = changed(example_record(), "results", "curves.validation.step", [1, 2, 3, 4, 5, 6, 7, 8])
    assert comparison.compare_records(a, apart).curve is None


ODD = [None, True, "x", [1], {"a": 1}, 10**18, -(2**62), 1e308, -1e308, {"value": "x"}]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        *(("results", f"metrics{rest}") for rest in ("", ".test", ".test.accuracy")),
        *(("results", f"metrics.test.accuracy.{name}") for name in ("value", "chance", "best")),
        *(("results", f"curves{rest}") for rest in ("", ".validation", ".validation.step", ".validation.accuracy")),
        *(("config", f"card{rest}") for rest in ("", ".metric", ".direction", ".name")),
        *(("config", name) for name in ("parameters", "options", "options.arch", "data", "modified", "seed")),
        *(("config", name) for name in ("architecture", "architecture.name")),
        ("measured", "seconds"),
    ],
)
def test_records_with_odd_values_are_compared(section: str, path: str) -> None:
    plain = example_record()
    for odd in ODD:
        try:
            odd_record = changed(plain, section, path, odd)
        except SeqbenchError:  # No record can hold it.
            continue
        for pair in ((odd_record, plain), (plain, odd_record), (odd_record, odd_record)):
            found = comparison.compare_records(*pair)
            assert json.loads(to_json(found.to_plain())) == found.to_plain()


def test_an_edited_record_is_not_intact() -> None:
    intact = replace(example_record(), checksum=example_record().digest())
    assert [run.intact for run in comparison.compare_records(example_record(), intact).runs] == [False, True]


def with_files(**files: str) -> Record:
    sources = {"my_file:MyNet": {"digest": "0", "files": files}, "seqbench": {"digest": "1" * 64}}
    return changed(example_record(), "config", "sources", sources)


def test_an_edited_file_is_another_configuration_and_is_named() -> None:
    found = comparison.compare_records(with_files(my_file="a" * 64, helper="b"), with_files(my_file="c", helper="b"))
    assert found.differs == {"source.file my_file": ["a" * 8, "c"]}
    assert (found.changed, found.same_configuration) == (["source.file my_file"], False)


def test_another_source_of_seqbench_is_named_and_is_the_same_configuration() -> None:
    a = changed(example_record(), "config", "sources", {"seqbench": {"digest": "1"}})
    b = changed(example_record(), "config", "sources", {"seqbench": {"digest": "2"}})
    found = comparison.compare_records(a, b)
    assert (found.differs, found.same_configuration) == ({"source.seqbench": ["1", "2"]}, True)
    assert comparison.compare_records(a, example_record()).differs == {}
