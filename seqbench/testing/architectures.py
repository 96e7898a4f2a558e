"""The checks that every backbone passes, and the ways to ask them: all at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from seqbench.testing import independence, interface, streaming, training
from seqbench.testing.report import Check, Report, checks_of
from seqbench.testing.subject import Subject, backbone_class, check_constructs

ARCHITECTURE_CHECKS: tuple[Callable[[Subject], None], ...] = (
    interface.signature,
    interface.shapes,
    interface.one_step,
    interface.widths,
    interface.dtypes,
    interface.long_sequences,
    independence.causality_by_gradient,
    independence.causality_by_change,
    independence.padding,
    independence.padding_finite,
    independence.lengths_none,
    independence.rows,
    independence.rows_in_training,
    streaming.start,
    streaming.chunks,
    streaming.single_steps,
    streaming.state_form,
    streaming.state_rows,
    streaming.state_kept,
    streaming.state_detached,
    training.gradients,
    training.learns,
    training.seeded_construction,
    training.repeatable,
    training.seeded_training,
    training.state_dict,
    training.copies,
    interface.bfloat16,
    interface.autocast,
    interface.meta_device,
    interface.cuda,
    interface.compiled,
    interface.parameter_count,
    interface.parameter_groups,
)
"""All of them, in the order in which they are asked; each is named and described by its function."""


def architecture_checks(
    backbone: type[nn.Module] | str,
    *,
    d_model: int = 16,
    options: Mapping[str, Any] | None = None,
    parameters: int | None = None,
    seed: int = 0,
) -> list[Check]:
    """The checks of a backbone one by one, for a test of one's own.

    ::

        @pytest.mark.parametrize("check", architecture_checks(MyNet), ids=str)
        def test_my_net(check):
            check()

    Args:
        backbone: the class, a registered name, or ``package.module:Class``.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: how many trainable numbers it should have at these options, if that is to be checked.
        seed: of weights and inputs.

    Raises:
        SeqbenchError: the name is unknown, or stands for no class of modules.
    """
    subject = Subject(backbone_class(backbone), d_model, options, parameters, seed)
    return checks_of(ARCHITECTURE_CHECKS, lambda: subject)


def check_architecture(
    backbone: type[nn.Module] | str,
    *,
    d_model: int = 16,
    options: Mapping[str, Any] | None = None,
    parameters: int | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Report:
    """Ask all checks of a backbone.

    Args:
        backbone: the class, a registered name, or ``package.module:Class``.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: how many trainable numbers it should have at these options, if that is to be checked.
        seed: of weights and inputs.
        strict: whether to raise if one fails; else the report alone tells.

    Returns:
        What came of each.

    Raises:
        SeqbenchError: the name is unknown, or the class cannot be made with these options.
        Failure: checks failed; it names them all.
    """
    subject = Subject(backbone_class(backbone), d_model, options, parameters, seed)
    check_constructs(subject)
    checks = checks_of(ARCHITECTURE_CHECKS, lambda: subject)
    report = Report(subject.name, tuple(check.outcome() for check in checks))
    return report.require() if strict else report
