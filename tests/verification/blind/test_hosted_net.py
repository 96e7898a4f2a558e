from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from seqbench.models import build
from seqbench.models.decoding import search
from seqbench.models.module import SequenceModule
from seqbench.models.weights import weights_digest
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import TokenSequence
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from seqbench.verification.blind.hosted_net import HostedNet
from seqbench.verification.blind.messages import Message
from seqbench.verification.blind.net_requests import batch_message
from seqbench.verification.blind.raw_tensors import from_raw, to_raw


def build_run(**changes: object) -> tuple[RunConfig, SequenceModule]:
    """Return a configuration and its module, whose weights were changed as by training."""
    config = run_config.resolve_config(RunRequest.from_mapping({"tier": "smoke", "logger": "none", **changes}))
    module = build.build_module(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return config, module.eval()


def start_message(config: RunConfig, module: SequenceModule, **changes: Any) -> Message:
    values: dict[str, Any] = {  # Plain data of several types.
        "options": config.options(),
        "spec": module.spec.to_dict(),
        "sources": {},
        "accelerator": "cpu",
        "threads": 1,
        "costs": False,
        "match": None,
    }
    return Message("start", {**values, **changes}, {n: to_raw(tensor) for n, tensor in module.state_dict().items()})


def ask(net: HostedNet, batch: BlindBatch, keep_state: bool = True) -> torch.Tensor:
    return from_raw(net.answer(batch_message("hidden_vectors", batch, keep_state))["hidden"])


CASES = {
    "steps": {"arch": "lstm", "task": "copy"},
    "last step": {"arch": "gru", "task": "parity"},
    "output feedback": {"arch": "jordan", "task": "copy"},
    "features": {"arch": "gru", "task": "adding"},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hidden_vectors_equal_those_of_the_module(case: dict[str, object]) -> None:
    config, module = build_run(**case)
    assert module.data is not None
    batch = module.data.stream("test", 0)
    net = HostedNet(start_message(config, module))
    with torch.inference_mode():
        expected = module.body(batch)
    blind = hide_targets(batch, module.spec, bool(net.describe()["feeds_back_output"]))
    assert torch.equal(ask(net, blind), expected)


def test_the_description_holds_both_digests_and_the_resolved_options() -> None:
    config, module = build_run(arch={"name": "gru", "d_model": 8}, task="parity")
    described = HostedNet(start_message(config, module)).describe()
    untrained = build.build_module_from_spec(config, module.spec)
    assert described["initial_digest"] == weights_digest(untrained) != described["weights_digest"]
    assert described["weights_digest"] == weights_digest(module)
    assert described["options"] == {"arch": dict(config.arch_options)}
    assert described["looks_ahead"] is False
    assert described["streaming"] is True
    assert described["own_training"] is None


def test_a_stream_continues_from_its_state_unless_it_is_not_kept() -> None:
    config, module = build_run(arch={"name": "gru", "d_model": 8}, task="parity")
    net = HostedNet(start_message(config, module))
    ids = torch.randint(2, (3, 12))
    chunks = [BlindBatch(ids[:, at : at + 4], torch.full((3,), 4), 4, first=at == 0) for at in (0, 4, 8)]
    with torch.inference_mode():
        whole = module.body.unroll(BlindBatch(ids, torch.full((3,), 12), 12).to_batch(), None)[0]
    torch.testing.assert_close(ask(net, chunks[0]), whole[:, :4])
    torch.testing.assert_close(ask(net, chunks[1], keep_state=False), whole[:, 4:8])
    torch.testing.assert_close(ask(net, chunks[1]), whole[:, 4:8])
    torch.testing.assert_close(ask(net, chunks[2]), whole[:, 8:])
    torch.testing.assert_close(ask(net, chunks[0]), whole[:, :4])


def test_decoded_tokens_are_those_of_the_search_of_the_task() -> None:
    task = {"name": "translation", "source": "synthetic"}
    config, module = build_run(arch="gru", task=task)
    assert module.data is not None
    assert isinstance(module.spec.output, TokenSequence)
    batch = module.data.stream("test", 0).rows(slice(0, 8))
    answer = HostedNet(start_message(config, module)).answer(
        batch_message("decode", hide_targets(batch, module.spec).without_targets(), keep_state=False)
    )
    rows = torch.split(from_raw(answer["tokens"]), from_raw(answer["counts"]).tolist())
    assert [row.tolist() for row in rows] == search.decode(module.body, module.objective, batch, module.spec.output)


def test_weights_that_do_not_fit_are_refused() -> None:
    config, module = build_run(arch={"name": "gru", "d_model": 8}, task="parity")
    message = start_message(config, module)
    few = dict(list(message.arrays.items())[1:])
    with pytest.raises(SeqbenchError, match=r"the weights of the checkpoint do not fit the net: .*Missing key"):
        HostedNet(dataclasses.replace(message, arrays=few))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"arch": {"name": "gru", "d_model": 8, "depth": 3}}, "refuses its options"),
        ({"arch": {"name": "no-such-net", "d_model": 8}}, "no-such-net"),
        ({"tier": "smoke"}, "the recorded options describe no module"),
    ],
)
def test_options_that_describe_no_net_are_refused(options: dict[str, object], sentence: str) -> None:
    config, module = build_run(arch={"name": "gru", "d_model": 8}, task="parity")
    recorded = {**config.options(), **options} if "arch" in options else options
    with pytest.raises(SeqbenchError, match=sentence):
        HostedNet(start_message(config, module, options=recorded))
