"""Search for the target of each source: greedy search, or beam search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from seqbench.models.bodies.base import Body
from seqbench.models.objectives import Objective
from seqbench.protocol.specs import Batch, TokenSequence

Tree = TypeVar("Tree")


@torch.no_grad()
def decode(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """Return the target that a model generates for each source, without the end token.

    Sources of the same length are decoded together, so that no batch contains padding.

    Args:
        body: body that reads the sources and decodes step by step.
        objective: objective that predicts the log-probabilities of the next token.
        batch: the sources; targets are not used.
        output: the start and end tokens, the longest target, and the search to use.
    """
    targets: list[list[int]] = [[] for _ in range(len(batch))]
    search = greedy_search if output.beam == 1 else beam_search
    for length in sorted(set(batch.lengths.tolist())):
        rows = (batch.lengths == length).nonzero()[:, 0]
        group = batch.rows(rows)
        group.inputs = group.inputs[:, :length]
        for row, target in zip(rows.tolist(), search(body, objective, group, output), strict=True):
            targets[row] = target
    return targets


def greedy_search(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """Return the targets that consist of the most likely token at each step.

    Args:
        body: body that reads the sources and decodes step by step.
        objective: objective that predicts the log-probabilities of the next token.
        batch: sources of the same length.
        output: the start and end tokens and the longest target.
    """
    memory, state = body.begin(batch)
    token = batch.inputs.new_full((len(batch), 1), output.start)
    tokens, ended = [], torch.zeros(len(batch), dtype=torch.bool, device=token.device)
    for _ in range(output.longest):
        hidden, state = body.step(token, memory, state)
        token = objective.predict_distribution(hidden).argmax(-1, keepdim=True)
        tokens.append(token)
        ended |= token[:, 0] == output.end
        if ended.all():
            break
    return [cut_at_end(row, output.end) for row in torch.cat(tokens, dim=1).tolist()]


def beam_search(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """Return the best targets among ``output.beam`` hypotheses for each source.

    Hypotheses are compared by log-probability / length ** length_penalty; the length includes the end token. The
    search stops when no unfinished hypothesis can still beat the best finished one of its source: log-probabilities
    only fall, and the divisor is at most that of the longest target.

    Args:
        body: body that reads the sources and decodes step by step.
        objective: objective that predicts the log-probabilities of the next token.
        batch: sources of the same length.
        output: the start and end tokens, the longest target, the number of beams and the length penalty.
    """
    rows, beam, device = len(batch), output.beam, batch.inputs.device
    memory, state = body.begin(batch)
    repeated = torch.arange(rows, device=device).repeat_interleave(beam)
    memory, state = select_rows(memory, repeated), select_rows(state, repeated)
    hypotheses = Hypotheses(batch, output)
    for step in range(1, output.longest + 1):
        hidden, state = body.step(hypotheses.last_tokens(), memory, state)
        kept = hypotheses.extend(objective.predict_distribution(hidden), step)
        if hypotheses.are_decided():
            break
        state = select_rows(state, kept)
    return hypotheses.best


class Hypotheses:
    """The unfinished hypotheses of each source, and the best finished one.

    Args:
        batch: sources of the same length.
        output: the start and end tokens, the longest target, the number of beams and the length penalty.

    Attributes:
        best: the best finished target of each source so far, without its end token.
    """

    def __init__(self, batch: Batch, output: TokenSequence) -> None:
        rows, device = len(batch), batch.inputs.device
        self.output = output
        self.best: list[list[int]] = [[] for _ in range(rows)]
        self._best_scores = [-float("inf")] * rows
        self._tokens = batch.inputs.new_full((rows, output.beam, 1), output.start)
        # At the start all beams of a source are equal, so only the first one counts.
        self._sums = torch.full((rows, output.beam), -torch.inf, device=device)
        self._sums[:, 0] = 0
        self._first_rows = torch.arange(rows, device=device)[:, None] * output.beam

    def last_tokens(self) -> Tensor:
        """Return the last token of each hypothesis, ``(batch * beam, 1)``."""
        return self._tokens[:, :, -1].reshape(-1, 1)

    def extend(self, log_probabilities: Tensor, step: int) -> Tensor:
        """Extend the hypotheses by one token and keep the best unfinished ones.

        Args:
            log_probabilities: log-probabilities of the next token, ``(batch * beam, vocab)``.
            step: number of tokens in each extended hypothesis.

        Returns:
            For each kept hypothesis, the row of the hypothesis that it extends, ``(batch * beam,)``.
        """
        rows, beam, _ = self._tokens.shape
        sums = log_probabilities.view(rows, beam, -1) + self._sums[:, :, None]
        vocab = sums.shape[-1]
        # Each hypothesis ends with one token only. So of twice as many extensions at least ``beam`` do not end.
        top, positions = sums.flatten(1).topk(min(2 * beam, sums[0].numel()), dim=-1)
        origins, tokens = positions // vocab, positions % vocab
        ends = tokens == self.output.end
        # At the last step every extension is finished, with or without an end token.
        finished = ends if step < self.output.longest else torch.ones_like(ends)
        self._record_finished(finished & top.isfinite(), top, origins, tokens, step)
        kept = top.masked_fill(ends, -torch.inf).topk(min(beam, top.shape[1]), dim=-1)
        self._sums = kept.values
        origins, tokens = origins.gather(1, kept.indices), tokens.gather(1, kept.indices)
        past = self._tokens.gather(1, origins[..., None].expand_as(self._tokens))
        self._tokens = torch.cat([past, tokens[..., None]], dim=-1)
        return (origins + self._first_rows).flatten()

    def are_decided(self) -> bool:
        """Return whether no unfinished hypothesis can still beat the best finished one of its source."""
        bounds = (self._sums.amax(-1) / self.output.longest**self.output.length_penalty).tolist()
        return all(score >= bound for score, bound in zip(self._best_scores, bounds, strict=True))

    def _record_finished(self, finished: Tensor, top: Tensor, origins: Tensor, tokens: Tensor, step: int) -> None:
        """Keep the best of the finished extensions; all tensors have the shape ``(batch, extensions)``."""
        for row, column in finished.nonzero().tolist():
            score = float(top[row, column]) / step**self.output.length_penalty
            if score > self._best_scores[row]:
                self._best_scores[row] = score
                past = self._tokens[row, origins[row, column], 1:].tolist()
                self.best[row] = cut_at_end([*past, int(tokens[row, column])], self.output.end)


def select_rows(tree: Tree, rows: Tensor) -> Tree:
    """Return a pytree with some rows of each of its tensors; None, an empty state, stays None.

    Args:
        tree: a pytree of tensors, batch first on each of them.
        rows: numbers of the rows, ``(rows,)``; they may repeat.

    >>> select_rows({"h": torch.tensor([[1], [2], [3]])}, torch.tensor([2, 0]))
    {'h': tensor([[3],
            [1]])}
    """
    selected: Tree = tree_map_only(Tensor, lambda leaf: leaf.index_select(0, rows), tree)
    return selected


def cut_at_end(tokens: Sequence[int], end: int) -> list[int]:
    """Return the tokens before the first end token; all of them if there is none.

    >>> cut_at_end([5, 6, 2, 7], end=2)
    [5, 6]
    """
    return list(tokens[: tokens.index(end)] if end in tokens else tokens)
