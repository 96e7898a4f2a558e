from __future__ import annotations

import sys

import pytest

from seqbench.utils.confinement.system_calls import call_system
from tests.utils.confinement.confined import run_confined

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="these are calls of Linux")


@on_linux
def test_a_refused_call_raises_the_error_of_the_system() -> None:
    with pytest.raises(OSError, match="Function not implemented"):
        call_system(100_000)


@on_linux
def test_the_powers_of_the_root_user_are_given_up() -> None:
    printed = run_confined(
        "from seqbench.utils.confinement.system_calls import give_up_privileges; give_up_privileges()",
        "print(*[x.split()[1] for x in open('/proc/self/status') if x.startswith(('CapEff', 'CapPrm', 'NoNewPrivs'))])",
    )
    assert printed.split() == ["0000000000000000", "0000000000000000", "1"]


@on_linux
def test_the_memory_of_a_process_is_hidden_from_others_of_its_user() -> None:
    printed = run_confined(
        "from seqbench.utils.confinement.system_calls import hide_memory",
        "print(LIBC.prctl(3), hide_memory(), LIBC.prctl(3))",
    )
    assert printed.split() == ["1", "True", "0"]
