"""What simple predictors score on piano rolls and melodies: the lines that a trained model stands between.

All are estimated on the training split, with one added to every count, and scored on pairs of a frame and the next.
"""

from __future__ import annotations

import numpy as np


def frequencies(frames: np.ndarray) -> np.ndarray:
    """How often each key sounds, ``(keys,)``, of frames ``(total, keys)`` of 0 and 1."""
    return (frames.sum(0, dtype=np.int64) + 1) / (len(frames) + 2)


def transitions(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How often each key sounds after silence and after sounding, ``(2, keys)``, of pairs of frames."""
    return np.stack([frequencies_where(before == was, after) for was in (0, 1)])


def frequencies_where(chosen: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """How often each key sounds among the frames chosen for it, both ``(total, keys)``."""
    return ((chosen & (frames == 1)).sum(0) + 1) / (chosen.sum(0) + 2)


def score_constant(chances: np.ndarray, after: np.ndarray) -> dict[str, float | None]:
    """What fixed chances ``(keys,)`` score on frames ``(total, keys)``, by the metrics of ``StepLabels``."""
    return _score([(chances, after.sum(0, dtype=np.int64), np.full(len(chances), len(after)))], len(after))


def score_transitions(chances: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, float | None]:
    """What chances after silence and after sounding, ``(2, keys)``, score on pairs of frames."""
    cases = [(chances[was], ((before == was) & (after == 1)).sum(0), (before == was).sum(0)) for was in (0, 1)]
    return _score(cases, len(after))


def _score(cases: list[tuple[np.ndarray, np.ndarray, np.ndarray]], frames: int) -> dict[str, float | None]:
    """Metrics of cases, each with its chances, how often keys sounded then and how often it came, ``(keys,)``."""
    nats, hits, either = 0.0, 0, 0
    for chances, sounded, came in cases:
        nats -= float((sounded * np.log(chances) + (came - sounded) * np.log1p(-chances)).sum())
        said = chances > 0.5
        hits += int(sounded[said].sum())
        either += int(came[said].sum() + sounded[~said].sum())
    return {"nll_per_frame": nats / frames, "frame_accuracy": hits / either if either else None}


def unigrams(tokens: np.ndarray, classes: int) -> np.ndarray:
    """The distribution ``(classes,)`` of tokens."""
    counts = np.bincount(tokens, minlength=classes) + 1
    return counts / counts.sum()


def bigrams(before: np.ndarray, after: np.ndarray, classes: int) -> np.ndarray:
    """What follows each token, ``(classes, classes)``: counts, and as many more spread as the unigrams are.

    As many as a token has different followers (Witten & Bell 1991), at least one.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (before, after), 1)
    more = np.maximum((counts > 0).sum(1, keepdims=True), 1)
    return (counts + more * unigrams(after, classes)) / (counts.sum(1, keepdims=True) + more)


def score_tokens(chances: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """What predicted distributions ``(total, classes)`` score on tokens ``(total,)``."""
    nats = -np.log(np.take_along_axis(chances, after[:, None], 1)).mean()
    return {"loss": float(nats), "accuracy": float((chances.argmax(1) == after).mean())}
