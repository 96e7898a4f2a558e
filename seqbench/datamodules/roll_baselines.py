"""Scores of simple predictors on piano rolls and melodies, as chance level and baselines.

All predictors are estimated on the training split with one added to each count. They are scored on pairs of a frame and
the next frame.
"""

from __future__ import annotations

import numpy as np


def key_frequencies(frames: np.ndarray) -> np.ndarray:
    """Return the frequency ``(keys,)`` with which each key sounds in frames ``(total, keys)`` of 0 and 1.

    >>> key_frequencies(np.array([[1, 0], [1, 0]])).tolist()
    [0.75, 0.25]
    """
    frequencies: np.ndarray = (frames.sum(0, dtype=np.int64) + 1) / (len(frames) + 2)
    return frequencies


def transition_frequencies(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the frequency with which each key sounds after a frame in which it was silent, or in which it sounded.

    Args:
        before: frames ``(total, keys)`` of 0 and 1.
        after: the frame after each of them, ``(total, keys)``.

    Returns:
        ``(2, keys)``: row 0 for keys that were silent, row 1 for keys that sounded.

    >>> transition_frequencies(np.array([[1], [1], [0]]), np.array([[1], [1], [0]])).tolist()
    [[0.3333333333333333], [0.75]]
    """
    rows = [
        ((chosen & (after == 1)).sum(0) + 1) / (chosen.sum(0) + 2) for chosen in (before == state for state in (0, 1))
    ]
    return np.stack(rows)


def score_constant(probabilities: np.ndarray, after: np.ndarray) -> dict[str, float | None]:
    """Return the scores of fixed probabilities ``(keys,)`` on frames ``(total, keys)``.

    The metrics are those of ``StepLabels``.

    >>> scores = score_constant(np.array([0.75, 0.25]), np.array([[1, 0], [1, 1]]))
    >>> round(scores["nll_per_frame"], 4), scores["frame_accuracy"]
    (1.1247, 0.6666666666666666)
    """
    cases = [(probabilities, after.sum(0, dtype=np.int64), np.full(len(probabilities), len(after)))]
    return _score(cases, len(after))


def score_transitions(probabilities: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, float | None]:
    """Return the scores of predictions from the previous frame, by the metrics of ``StepLabels``.

    Args:
        probabilities: ``(2, keys)`` from ``transition_frequencies``.
        before: frames ``(total, keys)`` of 0 and 1.
        after: the frame after each of them, ``(total, keys)``.
    """
    cases = [
        (probabilities[state], ((before == state) & (after == 1)).sum(0), (before == state).sum(0)) for state in (0, 1)
    ]
    return _score(cases, len(after))


def _score(cases: list[tuple[np.ndarray, np.ndarray, np.ndarray]], frames: int) -> dict[str, float | None]:
    """Return the metrics of constant predictions in several cases.

    Args:
        cases: probabilities, number of frames in which each key sounded, and number of occurrences, all ``(keys,)``,
            for each case.
        frames: number of frames.
    """
    nats, hits, union = 0.0, 0, 0
    for probabilities, sounded, occurred in cases:
        nats -= float((sounded * np.log(probabilities) + (occurred - sounded) * np.log1p(-probabilities)).sum())
        predicted = probabilities > 0.5
        hits += int(sounded[predicted].sum())
        union += int(occurred[predicted].sum() + sounded[~predicted].sum())
    return {"nll_per_frame": nats / frames, "frame_accuracy": hits / union if union else None}


def token_frequencies(tokens: np.ndarray, classes: int) -> np.ndarray:
    """Return the frequency of each token, ``(classes,)``, with one added to each count.

    >>> token_frequencies(np.array([0, 0]), classes=2).tolist()
    [0.75, 0.25]
    """
    counts = np.bincount(tokens, minlength=classes) + 1
    frequencies: np.ndarray = counts / counts.sum()
    return frequencies


def bigram_frequencies(before: np.ndarray, after: np.ndarray, classes: int) -> np.ndarray:
    """Return the distribution of the token after each token, interpolated with the unigram distribution.

    The weight of the unigram distribution is the number of different successors of a token (Witten & Bell 1991), and at
    least 1.

    Args:
        before: tokens ``(total,)``.
        after: the token after each of them, ``(total,)``.
        classes: number of different tokens.

    Returns:
        ``(classes, classes)``; each row sums to 1.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (before, after), 1)
    weight = np.maximum((counts > 0).sum(1, keepdims=True), 1)
    smoothed = counts + weight * token_frequencies(after, classes)
    frequencies: np.ndarray = smoothed / (counts.sum(1, keepdims=True) + weight)
    return frequencies


def score_tokens(probabilities: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Return the scores of predicted distributions ``(total, classes)`` on tokens ``(total,)``.

    >>> score_tokens(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]))["accuracy"]
    0.5
    """
    nats = -np.log(np.take_along_axis(probabilities, after[:, None], 1)).mean()
    return {"loss": float(nats), "accuracy": float((probabilities.argmax(1) == after).mean())}
