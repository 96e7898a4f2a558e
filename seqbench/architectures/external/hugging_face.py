"""Mamba and GPT-2 of Hugging Face's transformers (https://github.com/huggingface/transformers), on hidden vectors.

Both are built from a configuration, with random weights and without a vocabulary; nothing is downloaded. Neither has
an ``unroll``; each class says why. Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model, MambaConfig, MambaModel

from seqbench.architectures.blocks import check_options


class HFMamba(nn.Module):
    """The selective state space model Mamba (Gu & Dao 2023, arXiv 2312.00752) as transformers has it.

    On a CPU it is the library's loop over time. The library has no dropout for it. Its residual stream and its scan are
    of float32, whatever the weights are. It has no ``unroll``: from a cache the library reads single steps alone (more
    steps at once start from zeros again), and it writes them into the cache in place, so that no gradient can pass; our
    own ``mamba`` does both.

    Args:
        d_model: width of input and output.
        num_layers: blocks, each a norm and a mixer around which a residual goes.
        state_size: numbers that each channel remembers.
        expand: channels inside a mixer over ``d_model``.
        conv_kernel: steps that the short convolution sees, the present one included.
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
        # What we read are vectors: an embedding would be parameters without gradient.
        self.net.embeddings = nn.Identity()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        y: Tensor = self.net(inputs_embeds=x, use_cache=False).last_hidden_state
        return y.to(x.dtype)


class HFGPT2(nn.Module):
    """The transformer GPT-2 (Radford et al. 2019) as transformers has it, with learnt positions.

    It has no ``unroll``, although the library has a cache: a learnt position exists for the first ``max_time`` steps
    alone, so that no stream could be carried on for long. Positions beyond what training showed are as they were drawn.

    Args:
        d_model: width of input and output; a multiple of ``heads``.
        num_layers: layers, each attention and an MLP four times as wide.
        dropout: probability on the inputs, on attention weights, and on what attention and MLPs add.
        heads: of each attention.
        max_time: steps of the longest sequence that it can read.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_time: int = 1024
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_time=max_time)
        if d_model % heads:
            raise ValueError(f"d_model must be a multiple of heads, got {d_model} and {heads}")
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
        # What we read are vectors: an embedding would be parameters without gradient.
        self.net.wte = nn.Identity()
        self.max_time = max_time

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.

        Raises:
            ValueError: there are more steps than learnt positions.
        """
        if x.shape[1] > self.max_time:
            raise ValueError(
                f"hf-gpt2 has learnt positions for {self.max_time} steps, got a sequence of {x.shape[1]}; "
                f"make it with a larger max_time (--arch.max_time)"
            )
        # Without a mask the library looks at positions for packed sequences, which asks a device for its values.
        seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        y: Tensor = self.net(inputs_embeds=x, attention_mask=seen[None, None], use_cache=False).last_hidden_state
        return y
