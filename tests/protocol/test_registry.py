from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError
from tests import distributions
from tests.distributions import NET, Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        yield site


def load(name: str) -> object:
    return registry.find_entry(registry.ARCHITECTURES, name).load()


def test_built_in_names_are_registered_in_the_public_groups() -> None:
    assert {"gru", "lstm", "rnn"} <= set(registry.list_entries(registry.ARCHITECTURES))
    assert {"copy", "parity", "parity-last", "char-lm"} <= set(registry.list_entries(registry.TASKS))
    assert isinstance(EntryPoint("a", "b:c", registry.ARCHITECTURES), EntryPoint)


def test_a_name_is_loaded_as_its_class() -> None:
    from seqbench.architectures.recurrent import GRU

    assert load("gru") is GRU


def test_the_entry_of_a_plug_in_names_its_distribution(site: Site) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": NET}, version="2.1")
    entry = registry.find_entry(registry.ARCHITECTURES, "net")
    assert (entry.distribution, entry.version, entry.value, entry.extras) == ("their-nets", "2.1", "their_nets:Net", "")
    assert entry.load().__name__ == "Net"


def test_listing_and_finding_entries_imports_nothing(site: Site) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, {"job": "their_nets"}, {"their_nets.py": "1 / 0"})
    assert {"net", "gru"} <= set(registry.list_entries(registry.ARCHITECTURES))
    assert registry.find_entry(registry.TASKS, "job").distribution == "their-nets"
    assert "their_nets" not in sys.modules


def test_an_unknown_name_is_refused_with_the_closest_names() -> None:
    with pytest.raises(SeqbenchError, match=r"unknown architecture 'gruu'\. Did you mean 'gru'"):
        registry.find_entry(registry.ARCHITECTURES, "gruu")


def test_a_name_of_two_distributions_is_refused_with_both(site: Site) -> None:
    site.install("a-nets", {"net": "nets:Net"}, {"job": "nets"})
    site.install("b-nets", {"net": "other:Net"}, {"job": "other"}, version="2.0")
    with pytest.raises(
        SeqbenchError, match=r"a-nets 1\.0 \(nets:Net\).* and b-nets 2\.0|b-nets 2\.0.* and a-nets"
    ) as net:
        registry.find_entry(registry.ARCHITECTURES, "net")
    assert re.search(r"--arch (nets|other):Net\.$", str(net.value))
    with pytest.raises(SeqbenchError, match=r"task 'job' is offered by .*another name\.$"):
        registry.find_entry(registry.TASKS, "job")


def test_a_clash_with_a_built_in_name_affects_that_name_alone(site: Site) -> None:
    site.install("their-nets", {"gru": "their_nets:Net"})
    with pytest.raises(SeqbenchError, match=r"seqbench .* and their-nets 1\.0|their-nets 1\.0 .* and seqbench"):
        registry.find_entry(registry.ARCHITECTURES, "gru")
    assert load("seqbench.architectures.recurrent:GRU")
    assert load("lstm")


def test_a_distribution_installed_twice_is_no_clash(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, version="1.0")
    with distributions.site(tmp_path / "checkout", monkeypatch) as checkout:
        checkout.install("their-nets", {"net": "their_nets:Net"}, version="1.1")
        # The first on the path, as for an import.
        assert registry.find_entry(registry.ARCHITECTURES, "net").version == "1.1"


def test_a_class_can_be_given_by_its_path(site: Site) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": NET})
    entry = registry.find_entry(registry.ARCHITECTURES, "their_nets:Net")
    assert entry.load().__name__ == "Net"
    assert (entry.name, entry.distribution) == ("their_nets:Net", None)


def test_the_path_of_a_class_of_seqbench_is_its_registered_name() -> None:
    entry = registry.find_entry(registry.ARCHITECTURES, "seqbench.architectures.recurrent:LSTM")
    assert entry == registry.find_entry(registry.ARCHITECTURES, "lstm")


def test_the_path_of_a_card_has_the_distribution_of_the_card(site: Site) -> None:
    site.install("their-tasks", tasks={"job": "theirs"}, version="3.0")
    entry = registry.find_data_entry("job", "theirs.data:Job")
    assert (entry.name, entry.value, entry.distribution) == ("job", "theirs.data:Job", "their-tasks")
    assert registry.find_data_entry("no-task", "theirs.data:Job").distribution is None


def test_without_any_entry_the_error_says_that_seqbench_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.list_entries.cache_clear()
    monkeypatch.setattr(registry, "_installed_entry_points", lambda: ())
    try:
        with pytest.raises(SeqbenchError, match="not installed in this environment"):
            registry.find_entry(registry.TASKS, "copy")
    finally:
        registry.list_entries.cache_clear()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("class Net(:", r"SyntaxError: invalid syntax \(their_nets.py, line 1\)"),
        ("import sys; sys.exit('goodbye')", "SystemExit: goodbye"),
        ("import their_nets.kernels", "ModuleNotFoundError: No module named 'their_nets.kernels'"),
        ("from torch import no_such_thing", "ImportError: cannot import name 'no_such_thing'"),
        ("", "AttributeError: module 'their_nets' has no attribute 'Net'"),
    ],
)
def test_a_broken_plug_in_breaks_only_itself(site: Site, source: str, reason: str) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    with pytest.raises(SeqbenchError, match=rf"^'net' \(from their-nets 1\.0\) could not .*{reason}") as caught:
        load("net")
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, registry.MissingLibrary)
    assert load("gru")


@pytest.mark.parametrize("value", ["no_such_package:Net", ":Net", ".relative:Net", "two words:Net"])
def test_a_value_that_names_no_object_is_refused_in_one_sentence(site: Site, value: str) -> None:
    site.install("their-nets", {"net": value})
    with pytest.raises(SeqbenchError, match=r"'net' \(from their-nets 1\.0\) could not be imported"):
        load("net")


def test_ctrl_c_during_an_import_is_not_reported_as_a_broken_plug_in(site: Site) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        load("net")


def test_a_missing_library_is_named_with_the_extra_that_installs_it(site: Site) -> None:
    files = {"their_nets.py": "import no_such_kernels.fast"}
    site.install("their-nets", {"net": "their_nets:Net [fast]", "plain": "their_nets:Net"}, files=files)
    assert registry.find_entry(registry.ARCHITECTURES, "net").value == "their_nets:Net"
    with pytest.raises(registry.MissingLibrary, match=r"needs the library 'no_such_kernels'.*'their-nets\[fast\]'`"):
        load("net")
    with pytest.raises(SeqbenchError, match=r"needs the library 'no_such_kernels'.* install it") as caught:
        load("plain")
    assert not isinstance(caught.value, registry.MissingLibrary)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def Net(d_model): ...", "Net is of type function, no class"),
        ("Net = 3", "3 is of type int, no class"),
        ("class Net:\n    def __init__(self, d_model): ...", "Net does not extend torch.nn.Module"),
        (NET.replace("d_model: int", "width: int"), "the __init__ of Net has no parameter d_model"),
        (NET.replace("def forward", "def backward"), "Net has no forward"),
        (NET.replace("x, lengths=None", "x, state"), "the forward of Net requires state, which has no default"),
        (NET.replace("self, x, lengths=None", "self"), "the forward of Net takes no input"),
    ],
)
def test_an_object_that_is_no_backbone_is_refused_with_the_reason(site: Site, source: str, reason: str) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    with pytest.raises(SeqbenchError, match=rf"'net' \(from their-nets 1\.0\) is no backbone: .*, but {reason}\.$"):
        load("net")


def test_a_forward_with_positional_arguments_only_is_accepted(site: Site) -> None:
    files = {
        "their_nets.py": NET + "class Wrapped(Net):\n    def forward(self, *given): return super().forward(*given)"
    }
    site.install("their-nets", {"net": "their_nets:Wrapped"}, files=files)
    assert load("net")


def test_malformed_metadata_of_one_distribution_hide_no_other(site: Site) -> None:
    site.install("their-nets", {"net": "their_nets:Net"})
    site.install("broken")
    (site.folder / "broken-1.0.dist-info" / "entry_points.txt").write_text("[seqbench.tasks]\nno equals sign\n")
    distributions.clear_registry()
    assert {"net", "gru"} <= set(registry.list_entries(registry.ARCHITECTURES))


@pytest.mark.parametrize("package", ["lightning.pytorch.core.module", "pytorch_lightning.core.module"])
def test_a_lightning_module_of_its_own_is_refused_with_the_two_ways(site: Site, package: str) -> None:
    source = f"class LightningModule:\n    __module__ = '{package}'\nclass Net(LightningModule):\n    pass\n"
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    ways = r"give a backbone \(a torch\.nn\.Module\).*or extend seqbench\.SequenceModule.*docs/plugins\.md"
    with pytest.raises(SeqbenchError, match=ways):
        load("net")


def test_an_error_of_seqbench_in_a_module_is_passed_on_with_the_name(site: Site) -> None:
    source = "from seqbench.utils.errors import SeqbenchError\nraise SeqbenchError('remove validation_step.')\n"
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    with pytest.raises(SeqbenchError, match=r"^'net' \(from their-nets 1\.0\): remove validation_step\.$"):
        load("net")


@pytest.mark.parametrize(
    ("body", "training", "streams"),
    [
        ("", False, False),
        ("def unroll(self): ...", False, True),
        ("brings_training = True", True, True),
        ("brings_training, unrolls = True, False", True, False),
    ],
)
def test_a_class_says_whether_it_brings_training_and_continues_streams(
    body: str, training: bool, streams: bool
) -> None:
    namespace: dict[str, object] = {}
    exec(f"class Net:\n    {body or 'pass'}\n", namespace)
    assert registry.brings_training(namespace["Net"]) is training
    assert registry.continues_streams(namespace["Net"]) is streams


def test_a_class_is_the_architecture_of_its_registered_name_or_of_its_path() -> None:
    from seqbench.architectures.recurrent import GRU
    from tests.backbones import RefusingWidth

    assert registry.class_entry(GRU) == registry.find_entry(registry.ARCHITECTURES, "gru")
    by_class = registry.class_entry(RefusingWidth)
    by_path = registry.find_entry(registry.ARCHITECTURES, "tests.backbones:RefusingWidth")
    assert by_class == by_path
    assert by_class.load() is by_path.load() is RefusingWidth
    assert by_class.file_digests() == by_path.file_digests()


def test_a_class_of_a_function_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.backbones import RefusingWidth

    class Net(RefusingWidth):
        pass

    entry = registry.class_entry(Net)
    assert entry.name.endswith(":test_a_class_of_a_function_is_itself.<locals>.Net")
    assert entry.load() is Net
    with pytest.raises(SeqbenchError, match="cannot be imported; in Python give the class itself"):
        registry.find_entry(registry.ARCHITECTURES, entry.name)
    monkeypatch.setattr(sys.modules["__main__"], "Net", Net, raising=False)
    assert registry.find_entry(registry.ARCHITECTURES, "__main__:Net").load() is Net
