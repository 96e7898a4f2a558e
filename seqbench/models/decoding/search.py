"""Decode another sequence: the likeliest token at each step, or the best of several beams."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from seqbench.models.bodies.base import Body
from seqbench.models.objectives import Objective
from seqbench.protocol.specs import Batch, TokenSequence


@torch.no_grad()
def decode(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """The target that a model writes for each source, without its end.

    Sources are taken together by their length, so that a body never meets padding.

    Args:
        body: reads the sources and goes on token by token.
        objective: gives log-probabilities of the tokens.
        batch: its inputs and lengths are read, its targets are not.
        output: which tokens start and end a target, how many it may have, and how it is searched for.
    """
    found: list[list[int]] = [[] for _ in range(len(batch))]
    for length in batch.lengths.unique().tolist():
        rows = (batch.lengths == length).nonzero()[:, 0]
        alike = batch.rows(rows)
        alike.inputs = alike.inputs[:, :length]
        search = greedy if output.beam == 1 else beam_search
        for row, written in zip(rows.tolist(), search(body, objective, alike, output), strict=True):
            found[row] = written
    return found


def greedy(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """The likeliest token at each step, for sources of one length."""
    memory, state = body.begin(batch)
    token = batch.inputs.new_full((len(batch), 1), output.start)
    written, ended = [], torch.zeros(len(batch), dtype=torch.bool, device=token.device)
    for _ in range(output.longest):
        hidden, state = body.step(token, memory, state)
        token = objective.emit(hidden).argmax(-1, keepdim=True)
        written.append(token)
        ended |= token[:, 0] == output.end
        if ended.all():
            break
    return [_until(row, output.end) for row in torch.cat(written, dim=1).tolist()]


def beam_search(body: Body, objective: Objective, batch: Batch, output: TokenSequence) -> list[list[int]]:
    """The best of ``output.beam`` hypotheses, for sources of one length.

    A row is done when no unfinished hypothesis can still beat its best finished one: log-probabilities only
    fall, and the divisor is at most that of the longest target. A hypothesis counts its end as a token.
    """
    rows, beam, device = len(batch), output.beam, batch.inputs.device
    memory, state = body.begin(batch)
    memory, state = (_rows(tree, torch.arange(rows, device=device).repeat_interleave(beam)) for tree in (memory, state))
    tokens = batch.inputs.new_full((rows, beam, 1), output.start)
    # At first all beams of a row are alike: only one of them counts.
    sums = torch.full((rows, beam), -torch.inf, device=device)
    sums[:, 0] = 0
    best_score = [-float("inf")] * rows
    best: list[list[int]] = [[] for _ in range(rows)]
    for step in range(1, output.longest + 1):
        hidden, state = body.step(tokens[:, :, -1].reshape(-1, 1), memory, state)
        following = objective.emit(hidden).view(rows, beam, -1) + sums[:, :, None]
        vocab = following.shape[-1]
        # Each hypothesis may end once, so that of twice as many at least ``beam`` go on.
        top, place = following.flatten(1).topk(min(2 * beam, following[0].numel()), dim=-1)
        origin, token = place // vocab, place % vocab
        ends = token == output.end
        # At the last step all that is written counts, ended or not.
        complete = ends if step < output.longest else torch.ones_like(ends)
        for row, column in (complete & top.isfinite()).nonzero().tolist():
            score = float(top[row, column]) / step**output.length_penalty
            if score > best_score[row]:
                best_score[row] = score
                past = tokens[row, origin[row, column], 1:].tolist()
                best[row] = _until([*past, int(token[row, column])], output.end)
        kept = top.masked_fill(ends, -torch.inf).topk(min(beam, top.shape[1]), dim=-1)
        sums = kept.values
        origin, token = (tree.gather(1, kept.indices) for tree in (origin, token))
        hope = (sums.amax(-1) / output.longest**output.length_penalty).tolist()
        if all(score >= most for score, most in zip(best_score, hope, strict=True)):
            break
        tokens = torch.cat([tokens.gather(1, origin[..., None].expand_as(tokens)), token[..., None]], dim=-1)
        chosen = (origin + torch.arange(rows, device=device)[:, None] * beam).flatten()
        state = _rows(state, chosen)
    return best


def _rows(tree: Any, which: Tensor) -> Any:
    """Some rows of every tensor in a pytree; what is none (an empty state) stays."""
    return tree_map(lambda leaf: leaf.index_select(0, which) if isinstance(leaf, Tensor) else leaf, tree)


def _until(row: list[int], end: int) -> list[int]:
    return row[: row.index(end)] if end in row else row
