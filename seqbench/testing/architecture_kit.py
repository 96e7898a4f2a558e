"""The conformance kit of backbones: all checks at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps

from torch import nn

from seqbench.models.module import SequenceModule
from seqbench.testing import (
    causality_checks,
    dtype_and_device_checks,
    independence_checks,
    interface_checks,
    module_checks,
    streaming_checks,
    training_checks,
)
from seqbench.testing.architecture_subject import ArchitectureSubject, load_backbone_class, require_constructible
from seqbench.testing.module_subject import ModuleSubject
from seqbench.testing.report import Check, Report, Skip, SubjectT, build_checks

ARCHITECTURE_CHECKS: tuple[Callable[[ArchitectureSubject], None], ...] = (
    interface_checks.check_signature,
    interface_checks.check_output_shape,
    interface_checks.check_one_step_sequences,
    interface_checks.check_other_widths,
    dtype_and_device_checks.check_dtype_kept,
    interface_checks.check_long_sequences,
    causality_checks.check_causality_by_gradient,
    causality_checks.check_causality_by_change,
    independence_checks.check_padding_ignored,
    independence_checks.check_padding_finite,
    independence_checks.check_lengths_optional,
    independence_checks.check_rows_independent,
    independence_checks.check_rows_independent_in_training,
    streaming_checks.check_unroll_equals_forward,
    streaming_checks.check_chunks_equal_whole,
    streaming_checks.check_steps_equal_whole,
    streaming_checks.check_state_format,
    streaming_checks.check_state_rows,
    streaming_checks.check_state_unchanged,
    streaming_checks.check_state_detached,
    training_checks.check_gradients_reach_all,
    training_checks.check_loss_decreases,
    training_checks.check_initialization_seeded,
    training_checks.check_evaluation_repeatable,
    training_checks.check_training_seeded,
    training_checks.check_state_dict_complete,
    training_checks.check_deepcopy_independent,
    dtype_and_device_checks.check_bfloat16,
    dtype_and_device_checks.check_autocast,
    dtype_and_device_checks.check_meta_device,
    dtype_and_device_checks.check_cuda,
    dtype_and_device_checks.check_torch_compile,
    interface_checks.check_parameter_count,
    interface_checks.check_parameter_groups,
)
"""The functions of all checks of a backbone, in the order in which they run."""

MODULE_CHECKS: tuple[Callable[[ModuleSubject], None], ...] = (
    module_checks.check_module_initialization_seeded,
    module_checks.check_module_meta_device,
    module_checks.check_module_trains,
    module_checks.check_module_training_seeded,
    module_checks.check_module_resumable,
    module_checks.check_module_state_dict_complete,
    module_checks.check_module_learning_rates,
)
"""The functions of the checks of a module with training of its own, which follow those of its backbone."""


WITHOUT_OUTPUTS: frozenset[object] = frozenset(
    {
        interface_checks.check_signature,
        interface_checks.check_output_shape,
        training_checks.check_initialization_seeded,
        interface_checks.check_parameter_count,
        interface_checks.check_parameter_groups,
        module_checks.check_module_initialization_seeded,
    }
)
"""Checks that also run where the outputs cannot be used: ``check_output_shape`` reports these outputs."""


def architecture_checks(
    backbone: type[nn.Module] | str,
    *,
    d_model: int = 16,
    options: Mapping[str, object] | None = None,
    parameters: int | None = None,
    seed: int = 0,
) -> list[Check]:
    """Return the checks of an architecture one by one, for tests of your own.

    For a ``SequenceModule`` these are the checks of the backbone that it builds, and those of its training.

    ::

        @pytest.mark.parametrize("check", architecture_checks(MyNet), ids=str)
        def test_my_net(check):
            check()

    Args:
        backbone: the class of backbones or modules, a registered name, or ``package.module:Class``.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: expected number of trainable parameters; None does not check the number.
        seed: seed of weights and inputs.

    Raises:
        SeqbenchError: the name is unknown, or is not that of a class of modules.

    >>> checks = {check.name: check for check in architecture_checks("gru", d_model=4)}
    >>> checks["output_shape"].run().status
    'passed'
    """
    subject = _build_subject(load_backbone_class(backbone), d_model, options, parameters, seed)
    return _build_checks(subject)


def check_architecture(
    backbone: type[nn.Module] | str,
    *,
    d_model: int = 16,
    options: Mapping[str, object] | None = None,
    parameters: int | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Report:
    """Run all checks of an architecture and return their report.

    For a ``SequenceModule`` these are the checks of the backbone that it builds, and those of its training.

    Args:
        backbone: the class of backbones or modules, a registered name, or ``package.module:Class``.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: expected number of trainable parameters; None does not check the number.
        seed: seed of weights and inputs.
        strict: whether to raise if a check fails; if not, only the report names the failed checks.

    Raises:
        SeqbenchError: the name is unknown, or the class cannot be built with these options.
        Failure: checks failed; the text names each of them with its reason.
    """
    subject = _build_subject(load_backbone_class(backbone), d_model, options, parameters, seed)
    require_constructible(subject)
    report = Report(subject.name, tuple(check.run() for check in _build_checks(subject)))
    return report.raise_if_failed() if strict else report


def _build_subject(
    architecture: type[nn.Module],
    d_model: int,
    options: Mapping[str, object] | None,
    parameters: int | None,
    seed: int,
) -> ArchitectureSubject:
    """Return the subject of a class of backbones, or of modules that bring their own training."""
    if issubclass(architecture, SequenceModule):
        return ModuleSubject(architecture, d_model, options, parameters, seed)
    return ArchitectureSubject(architecture, d_model, options, parameters, seed)


def _build_checks(subject: ArchitectureSubject) -> list[Check]:
    find_fault = cache(lambda: interface_checks.find_unusable_output(subject))
    functions = [_after_output(function, find_fault) for function in ARCHITECTURE_CHECKS]
    checks = build_checks(functions, subject)
    if isinstance(subject, ModuleSubject):
        checks += build_checks([_after_output(function, find_fault) for function in MODULE_CHECKS], subject)
    return checks


def _after_output(function: Callable[[SubjectT], None], find_fault: Callable[[], str]) -> Callable[[SubjectT], None]:
    """Return a check that is skipped where the outputs cannot be used, so that one fault is reported once.

    Args:
        function: the check.
        find_fault: function that returns why the outputs cannot be used; empty if they can.
    """
    if function in WITHOUT_OUTPUTS:
        return function

    @wraps(function)
    def check(subject: SubjectT) -> None:
        if find_fault():
            raise Skip("it needs outputs that can be used; see the failure of output_shape")
        function(subject)

    return check
