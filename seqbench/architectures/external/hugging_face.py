"""Mamba and GPT-2 of the library transformers (https://github.com/huggingface/transformers), on hidden vectors.

Both are built from a configuration, with random weights and without a vocabulary. Nothing is downloaded. Neither has an
``unroll``; the docstring of each class gives the reason. Tensors have the axes ``(batch, time, d_model)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model, MambaConfig, MambaModel

from seqbench.architectures.blocks import check_options


class HFMamba(nn.Module):
    """The selective state space model Mamba (Gu & Dao 2023, arXiv 2312.00752) of the library transformers.

    On a CPU the library computes it by a loop over time. It has no dropout. Its residual stream and its scan are
    float32 for all types of the weights.

    There is no ``unroll``: with a cache the library computes single steps only (several steps at once start from zeros
    again), and it writes the cache in place, so that no gradient flows through it. seqbench's own ``mamba`` has neither
    limit.

    Args:
        d_model: width of input and output.
        num_layers: number of blocks, each a norm and a mixer with a residual connection around them.
        state_size: numbers in the state of each channel.
        expand: channels inside a mixer as a multiple of ``d_model``.
        conv_kernel: steps in the short convolution, including the current one.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, state_size: int = 16, expand: int = 2, conv_kernel: int = 4
    ) -> None:
        super().__init__()
        check_options(d_model, num_layers=num_layers, state_size=state_size, expand=expand, conv_kernel=conv_kernel)
        config = MambaConfig(
            vocab_size=1,
            hidden_size=d_model,
            num_hidden_layers=num_layers,
            state_size=state_size,
            expand=expand,
            conv_kernel=conv_kernel,
            use_cache=False,
        )
        self.net = MambaModel(config)
        # The inputs are vectors, so that an embedding would have parameters without gradients.
        self.net.embeddings = nn.Identity()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        y: Tensor = self.net(inputs_embeds=x, use_cache=False).last_hidden_state
        return y.to(x.dtype)


class HFGPT2(nn.Module):
    """The transformer GPT-2 (Radford et al. 2019) of the library transformers, with learnt positions.

    There is no ``unroll``, although the library has a cache: only the first ``max_time`` steps have a learnt position,
    so that a stream would soon have to end. Positions that training never reached keep their initial values.

    Args:
        d_model: width of input and output, a multiple of ``heads``.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on the inputs, on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.
        max_time: the longest sequence, in steps.

    Raises:
        ValueError: an option is out of range, or ``d_model`` is not a multiple of ``heads``.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_time: int = 1024
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_time=max_time)
        if d_model % heads:
            raise ValueError(f"d_model must be a multiple of heads, got d_model {d_model} and heads {heads}")
        config = GPT2Config(
            vocab_size=1,
            n_positions=max_time,
            n_embd=d_model,
            n_layer=num_layers,
            n_head=heads,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
            resid_pdrop=dropout,
            use_cache=False,
            bos_token_id=0,
            eos_token_id=0,
            attn_implementation="sdpa",
        )
        self.net = GPT2Model(config)
        # The inputs are vectors, so that an embedding would have parameters without gradients.
        self.net.wte = nn.Identity()
        self.max_time = max_time

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.

        Raises:
            ValueError: ``x`` has more steps than there are learnt positions.
        """
        if x.shape[1] > self.max_time:
            raise ValueError(
                f"hf-gpt2 has learnt positions for {self.max_time} steps, got a sequence of {x.shape[1]}; "
                f"choose a larger max_time (--arch.max_time)"
            )
        # Without a mask the library checks for packed sequences, which copies values from the device.
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        y: Tensor = self.net(inputs_embeds=x, attention_mask=mask[None, None], use_cache=False).last_hidden_state
        return y
