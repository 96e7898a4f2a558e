"""Build the module of a run's configuration."""

from __future__ import annotations

import torch

from seqbench.datamodules import loading
from seqbench.models import own_training
from seqbench.models.context import BackboneClass, ModuleContext, build_backbone
from seqbench.models.module import SequenceModule
from seqbench.protocol.config import RunConfig
from seqbench.protocol.registry import brings_training
from seqbench.protocol.specs import SequenceSpec
from seqbench.utils.errors import SeqbenchError, one_line


def build_module(config: RunConfig) -> SequenceModule:
    """Return the module of a configuration, with the data of its task; its seed determines the initial weights.

    Raises:
        SeqbenchError: the backbone or the datamodule refuses its options, or the backbone does not suit the task.
    """
    data = loading.build_datamodule(config)
    module = build_module_from_spec(config, data.spec)
    module.data = data
    return module


def build_module_from_spec(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """Return the module of a configuration for a spec, without data; its seed determines the initial weights.

    The caller's random number generators do not change.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    context, architecture = ModuleContext(config, spec), config.arch_entry.load()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        if brings_training(architecture):
            return build_own_module(context, architecture)
        return SequenceModule(context, build_backbone(config.arch, architecture, config.arch_options))


def build_on_meta_device(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """Return the module of a configuration on the meta device: shapes without values, which takes milliseconds.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    with torch.device("meta"):
        return build_module_from_spec(config, spec)


def build_own_module(context: ModuleContext, module_class: BackboneClass) -> SequenceModule:
    """Return a module of a subclass of ``SequenceModule``, which builds its own backbone.

    The caller seeds PyTorch's random numbers.

    Args:
        context: the configuration and the task.
        module_class: the subclass.

    Raises:
        SeqbenchError: the class raised an error, or its ``__init__`` did not call that of ``SequenceModule``.
    """
    name = context.config.arch
    try:
        module = module_class(context, **context.config.arch_options)
    # The sentence says already what does not suit the task.
    except SeqbenchError:
        raise
    # The class of a plug-in may raise any error and even exit; each error becomes one sentence for the user.
    except (Exception, SystemExit) as error:
        raise SeqbenchError(f"architecture '{name}' refuses its options: {one_line(error) or repr(error)}.") from error
    if not isinstance(module, SequenceModule) or "body" not in module._modules:
        raise SeqbenchError(
            f"architecture '{name}' is not complete: its __init__ must call super().__init__(context, backbone) first."
        )
    own_training.check_instance(module, *module._assembled)
    if module.unrolls and not module.body.can_unroll and loading.import_datamodule_class(context.config.card).streaming:
        raise SeqbenchError(
            f"task '{context.config.card.name}' gives chunks of streams, and the backbone of architecture '{name}' has "
            f"no unroll; set unrolls = False in the class {type(module).__name__}, so that it reads windows."
        )
    return module
