from __future__ import annotations

import copy
import dataclasses
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

import seqbench
from seqbench.models.optimization import build_optimizer, learning_rate_schedule
from seqbench.models.weights import count_parameters, weights_digest
from seqbench.protocol import registry
from seqbench.protocol.cards import Optim
from seqbench.utils.errors import SeqbenchError

SMALL = {"steps": 20, "batch_size": 8, "validate_every": 10}
COPY: dict[str, Any] = {"name": "copy", "delay": 3, "samples": 16}
CHARACTERS: dict[str, Any] = {"name": "char-lm", "length": 16, "window": 32}
PAIRS: dict[str, Any] = {"name": "translation", "data_dir": "pairs", "vocabulary_size": 300, "longest": 6}
# Each kind of output, each way to read one for the sequence, each bridge: for every architecture.
KINDS: list[dict[str, Any]] = [
    COPY,
    {"name": "parity", "samples": 16, "probe_lengths": [50], "probe_samples": 8},
    CHARACTERS,
    {"name": "music", "data_dir": "rolls"},
    {"name": "plan", "length": 5, "samples": 10},
    {"name": "sentiment", "data_dir": "sentences"},
    {"name": "sentiment", "data_dir": "sentences", "divergence": "ramp", "tokens": "bpe", "vocabulary_size": 270},
    {"name": "adding", "length": 5, "samples": 10},
    PAIRS,
    {**PAIRS, "bridge": "vector"},
    {**PAIRS, "bridge": "decoder-only"},
]
# Other data of the same kinds.
OTHERS: list[dict[str, Any]] = [
    {"name": "parity-last", "samples": 16, "probe_lengths": [], "probe_samples": 8},
    {"name": "music", "data_dir": "rolls", "mode": "melody", "segment": 3},
    {"name": "sentiment-order", "pairs": 20},
    {"name": "sentiment-position", "sentences": 20, "samples": 10},
]
# Narrow, but not so narrow that a width is refused.
SIZE = {"d_model": 8}


def named(task: dict[str, Any]) -> str:
    return "-".join(str(value) for key, value in task.items() if key in ("name", "mode", "divergence", "bridge"))


def trainer(**options: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return L.Trainer(**{**quiet, "enable_checkpointing": False, "max_steps": 5, **options})


def build(arch: Any, task: dict[str, Any], folder: Path, small: Path | None = None, **options: Any) -> Any:
    bridge = {"bridge": task["bridge"]} if "bridge" in task else {}
    task = {key: value for key, value in task.items() if key != "bridge"}
    if task["name"] == "char-lm":
        task = {**task, "data_dir": str(folder)}
    elif "data_dir" in task:
        task = {**task, "data_dir": str(small / task["data_dir"])}  # type: ignore[operator]
    return seqbench.build(arch, task, tier="smoke", optim={**SMALL, **options}, body=bridge)


def refusal(backbone: Any, task: str) -> str | None:
    """The reason why a backbone cannot do a task, as a pattern; None where it can."""
    if not backbone.causal and task == "translation":
        return "must be causal|needs a causal architecture"  # A decoder writes step by step.
    if not backbone.causal and task not in ("plan", "sentiment", "adding"):
        return "looks ahead"  # Each step is asked before the next is seen.
    if getattr(backbone, "feeds_back_output", False) and task in ("sentiment", "adding", "translation"):
        return "needs one output per step"
    return None


def found(arch: str) -> Any:
    """The backbone; skips where it needs a library or a device that is not here."""
    try:
        backbone = registry.find_entry(registry.ARCHITECTURES, arch).load()
    except registry.MissingLibrary as error:
        pytest.skip(str(error))
    try:
        backbone(**SIZE)
    except ValueError as error:
        if "needs a CUDA device" in str(error):
            pytest.skip(str(error))
        raise
    return backbone


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("task", KINDS, ids=named)
@pytest.mark.parametrize("arch", [*registry.list_entries(registry.ARCHITECTURES), "tests.backbones:CausalMean"])
def test_every_architecture_trains_on_every_kind_of_task_or_says_why_not(
    arch: str, task: dict[str, Any], text_folder: Path, small_data: Path
) -> None:
    reason = refusal(found(arch), task["name"])
    if reason is None:
        train_and_test({"name": arch, **SIZE}, task, text_folder, small_data)
    else:
        with pytest.raises(SeqbenchError, match=reason):
            build({"name": arch, **SIZE}, task, text_folder, small_data)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("task", OTHERS, ids=named)
def test_other_tasks_of_the_same_kinds(task: dict[str, Any], text_folder: Path, small_data: Path) -> None:
    train_and_test({"name": "gru", **SIZE}, task, text_folder, small_data)


def train_and_test(arch: Any, task: dict[str, Any], text_folder: Path, small_data: Path) -> None:
    """A few real steps in a Trainer of anyone's: every parameter moves, all scores are finite."""
    module = build(arch, task, text_folder, small_data)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    own = trainer(val_check_interval=5, check_val_every_n_epoch=None, limit_val_batches=1, num_sanity_val_steps=0)
    own.fit(module)
    assert own.global_step == 5
    assert [name for name, p in module.named_parameters() if torch.equal(p, before[name])] == []
    assert all(math.isfinite(v) for v in module.evaluated["validation"].values())
    scores = own.test(module, verbose=False)
    assert all(math.isfinite(value) for value in scores[0].values())
    assert {f"test/{name}" for name in module.evaluated["test"]} <= scores[0].keys()
    assert set(module.evaluated) == {"validation", *module.data.splits("test")}


def test_an_encoder_that_feeds_back_its_output_is_refused(text_folder: Path, small_data: Path) -> None:
    task = {**PAIRS, "data_dir": str(small_data / "pairs")}
    with pytest.raises(SeqbenchError, match="'jordan' feeds its output back, and an encoder has no output"):
        seqbench.build("gru", task, tier="smoke", encoder="jordan", optim=SMALL)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("arch", ["narx", "jordan"])
def test_where_one_step_is_asked_there_is_no_output_to_feed_back(arch: str, text_folder: Path) -> None:
    """The targets of the steps before hold the answer, and the task withholds them."""
    module = build(arch, OTHERS[0], text_folder)
    batch = module.data.stream("train", 0)
    hidden = module.body(batch)[batch.valid()]
    batch.targets = 1 - batch.targets
    assert torch.equal(module.body(batch)[batch.valid()], hidden)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("training", [True, False])
def test_a_stream_carries_a_backbone_that_has_no_state(training: bool, text_folder: Path) -> None:
    module = build(
        {"name": "tests.models.bodies.test_output_feedback:Echo", "d_model": 8}, CHARACTERS, text_folder
    ).train(training)
    first, second = (module.data.stream("train", step) for step in range(2))
    _, carried = module._hidden_and_state(first, None)
    hidden, _ = module._hidden_and_state(second, carried)
    torch.testing.assert_close(hidden[:, :1], carried[1])


def test_building_leaves_the_callers_random_numbers_alone(text_folder: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one = build("gru", COPY, text_folder)
    assert torch.equal(torch.rand(3), expected)
    other = build("gru", COPY, text_folder)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_seed_decides_the_weights() -> None:
    one, other = (seqbench.build("gru", "copy", tier="smoke", seed=seed) for seed in (0, 1))
    assert not torch.equal(one.objective.head.weight, other.objective.head.weight)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_state_is_carried_between_chunks_and_dropped_where_a_stream_starts(text_folder: Path) -> None:
    module = build("gru", CHARACTERS, text_folder)
    data = module.data
    first, second = data.stream("test", 0), data.stream("test", 1)
    _, state = module._hidden_and_state(first, "left over from another stream")
    hidden, _ = module._hidden_and_state(second, state)
    both = dataclasses.replace(first, inputs=torch.cat([first.inputs, second.inputs], 1))
    torch.testing.assert_close(hidden, module.body(both)[:, first.inputs.shape[1] :])
    assert not state.requires_grad


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_clipping_acts_on_the_gradient_of_the_step(text_folder: Path) -> None:
    """A bug of others: gradients clipped before they were computed."""
    module = build("gru", COPY, text_folder, optimizer="sgd", lr=1.0)
    before = torch.cat([p.detach().flatten() for p in module.parameters()])
    trainer(max_steps=1, gradient_clip_val=1e-3, limit_val_batches=0).fit(module)
    moved = torch.cat([p.detach().flatten() for p in module.parameters()]) - before
    assert float(moved.norm()) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mixed_precision_clips_too(text_folder: Path) -> None:
    """Lightning refuses to clip under a fused optimiser there."""
    module = build("gru", COPY, text_folder)
    own = trainer(max_steps=2, gradient_clip_val=1.0, precision="bf16-mixed", limit_val_batches=0)
    own.fit(module)
    assert own.global_step == 2


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_schedule_runs_at_every_step(text_folder: Path) -> None:
    """A bug of others: a schedule under a key that Lightning does not read never runs."""
    module = build("gru", COPY, text_folder, schedule="cosine", warmup=2)
    own = trainer(max_steps=20, limit_val_batches=0)
    own.fit(module)
    assert own.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * module.optim.lr)


def test_the_schedule_rises_falls_and_ends_at_one_per_cent() -> None:
    share = learning_rate_schedule(
        Optim(steps=100, batch_size=1, validate_every=1, lr=1.0, schedule="cosine", warmup=10)
    )
    assert [share(0), share(4), share(9)] == pytest.approx([0.1, 0.5, 1.0])
    assert share(55) == pytest.approx(0.505)
    assert share(100) == pytest.approx(0.01)
    constant = learning_rate_schedule(Optim(steps=100, batch_size=1, validate_every=1, lr=1.0))
    assert {constant(step) for step in (0, 50, 100)} == {1.0}


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_lowers_a_loss(name: str) -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    groups = [{"params": [weight]}]
    optimizer = build_optimizer(
        groups, Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, optimizer=name), fused=True
    )
    for _ in range(50):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert abs(float(weight.detach())) < 2.5


def test_a_backbone_may_choose_its_parameter_groups(text_folder: Path) -> None:
    module = build("gru", COPY, text_folder, weight_decay=0.1)
    special = module.body.backbone.cells[0].bias_hh_l0
    module.body.backbone.parameter_groups = lambda: [{"params": [special], "weight_decay": 0.0}]
    optimizer = module.configure_optimizers()["optimizer"]
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays.pop(id(special)) == 0.0
    assert set(decays.values()) == {0.1}
    assert len(decays) + 1 == len(list(module.parameters()))


def test_the_parameter_count_is_the_sum() -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    assert count_parameters(module) == 10 * 8 + (6 * 64 + 6 * 8) + (8 * 10 + 10)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_training_on_a_gpu(text_folder: Path, precision: str) -> None:
    module = build("gru", COPY, text_folder)
    own = trainer(accelerator="gpu", devices=1, precision=precision, limit_val_batches=0)
    own.fit(module)
    assert all(p.isfinite().all() for p in module.parameters())


def test_the_digest_of_weights_tells_the_last_bit_and_nothing_else() -> None:
    module = torch.nn.Linear(3, 2, dtype=torch.complex64)
    module.register_buffer("steps", torch.tensor(7))
    first = weights_digest(module)
    assert weights_digest(copy.deepcopy(module)) == first
    with torch.no_grad():
        module.weight[1, 2] += 1e-7 * module.weight[1, 2]
    assert weights_digest(module) != first
