"""The checks that every backbone passes, and the ways to ask them: all at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from seqbench.testing import independence_checks, interface_checks, streaming_checks, training_checks
from seqbench.testing.architecture_subject import ArchitectureSubject, backbone_class, check_constructs
from seqbench.testing.report import Check, Report, build_checks

ARCHITECTURE_CHECKS: tuple[Callable[[ArchitectureSubject], None], ...] = (
    interface_checks.signature,
    interface_checks.shapes,
    interface_checks.one_step,
    interface_checks.widths,
    interface_checks.dtypes,
    interface_checks.long_sequences,
    independence_checks.causality_by_gradient,
    independence_checks.causality_by_change,
    independence_checks.padding,
    independence_checks.padding_finite,
    independence_checks.lengths_none,
    independence_checks.rows,
    independence_checks.rows_in_training,
    streaming_checks.start,
    streaming_checks.chunks,
    streaming_checks.single_steps,
    streaming_checks.state_form,
    streaming_checks.state_rows,
    streaming_checks.state_kept,
    streaming_checks.state_detached,
    training_checks.gradients,
    training_checks.learns,
    training_checks.seeded_construction,
    training_checks.repeatable,
    training_checks.seeded_training,
    training_checks.state_dict,
    training_checks.copies,
    interface_checks.bfloat16,
    interface_checks.autocast,
    interface_checks.meta_device,
    interface_checks.cuda,
    interface_checks.compiled,
    interface_checks.parameter_count,
    interface_checks.parameter_groups,
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
    subject = ArchitectureSubject(backbone_class(backbone), d_model, options, parameters, seed)
    return build_checks(ARCHITECTURE_CHECKS, lambda: subject)


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
    subject = ArchitectureSubject(backbone_class(backbone), d_model, options, parameters, seed)
    check_constructs(subject)
    checks = build_checks(ARCHITECTURE_CHECKS, lambda: subject)
    report = Report(subject.name, tuple(check.outcome() for check in checks))
    return report.require() if strict else report
