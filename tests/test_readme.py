"""Compare README and the documentation with the JSON files that commands of the project wrote."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.cli.main import build_parser
from seqbench.cli.unknown_arguments import are_dotted
from seqbench.leaderboard.pages import wording
from seqbench.protocol import registry
from seqbench.testing import check_architecture

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIGURES = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")


def results(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def with_interval(line: dict[str, float], digits: int) -> str:
    return f"{line['mean']:.{digits}f} ± {line['half_width']:.{digits}f}"


def test_the_figures_are_those_of_the_benchmarks() -> None:
    parity, copy = results("parity")["summary"], results("copy")["summary"]
    for arch in ("gru", "lstm"):
        assert f"{arch} {with_interval(parity[arch]['accuracy_longer'], 4)}" in FIGURES
        assert {seed["test"]["solved_length"] for seed in results("parity")["cells"][arch]} == {500}
    for arch in ("gru", "lstm", "rnn"):
        assert f"{arch} {with_interval(copy[arch]['accuracy'], 3)}" in FIGURES
    (text,) = results("char-lm")["cells"]["gru"]
    assert f"validation {text['validation']['loss']:.3f} nats" in FIGURES
    assert f"{text['seconds']:.0f} s on two cores" in FIGURES
    boards = results("leaderboard")["boards"]
    many = f"{boards['500']['seconds']:.1f} s, {boards['10000']['seconds']:.1f} s; {boards['10000']['mib']:.0f} MiB"
    assert f"| {many} |" in FIGURES
    assert all(board["seconds"] <= board["claim_seconds"] for board in boards.values())
    steps, startup = results("steps"), results("startup")
    assert f"{steps['ratio']['median']:.3f} of its steps/s" in FIGURES
    assert f"{startup['help']['median_ms']:.0f} ms, {startup['list']['median_ms']:.0f} ms" in FIGURES


def test_the_figures_of_real_data_are_those_of_the_benchmarks() -> None:
    jsb = results("music-jsb")["summary"]["gru"]["nll_per_frame"]
    assert f"gru {with_interval(jsb, 3)} |" in FIGURES
    assert f"gru {results('music-nottingham')['summary']['gru']['nll_per_frame']['mean']:.3f} |" in FIGURES
    sentiment = results("sentiment")
    bayes = sentiment["cells"]["bigru"][0]["baselines"]["naive Bayes"]["accuracy"]
    accuracy = with_interval(sentiment["summary"]["bigru"]["accuracy"], 3)
    assert f"bigru {accuracy}, naive Bayes {bayes:.3f}" in FIGURES
    for claim, archs in (("order", ("bow", "bigru")), ("position", ("tdnn", "gru"))):
        lines = {arch: results(claim)["summary"][arch]["accuracy"] for arch in archs}
        assert ", ".join(f"{arch} {with_interval(line, 3)}" for arch, line in lines.items()) in FIGURES
    translation = results("translation")
    attention, vector = (translation["summary"][label]["bleu"]["mean"] for label in ("attention", "vector"))
    assert f"attention {attention:.1f}, vector {vector:.1f}" in FIGURES
    gaps = gap_over_length(translation)
    assert f"in chrF {gaps[0]:.1f} apart in the shortest sentences, {gaps[-1]:.1f} in the longest" in FIGURES
    for name in ("multi30k", "sst2"):
        case = results("preparation")["cases"][name]
        assert f"{case['first_seconds']:.1f} s, {case['cached_seconds']:.2f} s" in FIGURES


def gap_over_length(translation: Any) -> list[float]:
    """The chrF that attention is ahead of the vector bridge, in each bin of the source's length."""
    curves = [translation["cells"][label][0]["lengths"]["chrf"] for label in ("attention", "vector")]
    return [ahead - behind for ahead, behind in zip(*curves, strict=True)]


def test_each_figure_states_the_version_of_the_card_that_was_trained() -> None:
    rows = re.findall(r"^\| .* \| (\d*) \| `python -m benchmarks\.claims ([\w-]+)` \|$", FIGURES, re.MULTILINE)
    assert len(rows) == FIGURES.count("`python -m benchmarks.claims ") >= 13
    # Results without the key are older than it, and of version 1.
    assert {claim: int(version) for version, claim in rows} == {
        claim: results(claim).get("card_version", 1) for _, claim in rows
    }


def test_the_claims_on_real_data_hold_in_the_figures() -> None:
    assert results("music-jsb")["summary"]["gru"]["nll_per_frame"]["mean"] <= 8.60
    assert results("music-nottingham")["summary"]["gru"]["nll_per_frame"]["mean"] <= 3.80
    assert results("sentiment")["summary"]["bigru"]["accuracy"]["mean"] >= 0.78
    order = results("order")["summary"]
    assert order["bow"]["accuracy"]["mean"] == 0.5
    assert order["bigru"]["accuracy"]["mean"] >= 0.90
    position = results("position")["summary"]
    assert position["tdnn"]["accuracy"]["mean"] < 0.7 < 0.95 < position["gru"]["accuracy"]["mean"]
    translation = results("translation")
    attention, vector = (translation["summary"][label]["bleu"]["mean"] for label in ("attention", "vector"))
    assert attention >= max(26, vector + 3)
    gaps = gap_over_length(translation)
    assert gaps == sorted(gaps)
    assert gaps[0] > 0
    for case in results("preparation")["cases"].values():
        assert case["first_seconds"] <= 20
        assert case["cached_seconds"] <= 1
        assert case["peak_bytes"] <= 1.5 * 2**30


def test_the_figures_of_sweeps_and_accidents_are_those_of_the_benchmarks() -> None:
    sweep, kills = results("sweep"), results("kills")
    ratios = [sweep[f"steps_{steps}"]["median_ratio"] for steps in (20, 60)]
    assert f"{ratios[0]:.1f}, {ratios[1]:.1f} |  | `python -m benchmarks.sweep`" in FIGURES
    assert ratios[0] >= sweep["claim"] == 5
    apart = results("distributed")["largest_difference"].values()
    curve, metric = (max(one[name] for one in apart) for name in ("curve", "metric"))
    assert f"{curve:.1e}, {metric:g} |  | `python -m benchmarks.distributed`" in FIGURES
    assert curve <= 1e-4
    assert metric <= 1e-6
    lost, broken = kills["finished_results_lost"], kills["corrupted_files"]
    assert (lost, broken, kills["left_over"]) == (0, 0, 0)
    assert kills["kills"] >= 50
    assert kills["resumed_bit_identical"] == kills["resumed"]
    assert f"{kills['kills']}, {lost}, {broken}, {kills['resumed']} of {kills['resumed']} |" in FIGURES


def test_the_claims_hold_in_the_figures() -> None:
    gru, rnn = (results("copy")["summary"][arch]["accuracy"] for arch in ("gru", "rnn"))
    assert gru["mean"] >= 0.95
    assert rnn["mean"] <= 0.60
    assert gru["mean"] - gru["half_width"] > rnn["mean"] + rnn["half_width"]
    (text,) = results("char-lm")["cells"]["gru"]
    assert text["validation"]["loss"] <= 1.55
    assert text["seconds"] <= 300
    assert results("steps")["ratio"]["median"] >= results("steps")["claim"] == 0.9
    assert results("steps")["pairs"] >= 20
    for command in ("help", "list"):
        assert results("startup")[command]["median_ms"] <= 150


def best_rate(families: dict[str, Any], arch: str) -> str:
    """The label of an architecture's cells at the learning rate that validation chooses."""
    rates = [label for label in families["cells"] if label.split()[0] == arch]
    return max(rates, key=lambda label: sum(seed["validation"]["accuracy"] for seed in families["cells"][label]))


def test_the_figures_of_architectures_are_those_of_the_benchmarks() -> None:
    families = results("parity-families")
    at_best = {arch: best_rate(families, arch) for arch in ("rnn", "lstm", "gru", "transformer", "tcn", "s4d", "mamba")}
    longer = {arch: families["summary"][label]["accuracy_longer"]["mean"] for arch, label in at_best.items()}
    assert {arch: longer.pop(arch) for arch in ("rnn", "lstm", "gru")} == {"rnn": 1.0, "lstm": 1.0, "gru": 1.0}
    assert "rnn, lstm, gru 1.000; " + ", ".join(f"{arch} {value:.3f}" for arch, value in longer.items()) in FIGURES
    assert f"tcn is right to {families['summary'][at_best['tcn']]['accuracy']['mean']:.3f} |" in FIGURES
    for cells in families["cells"].values():
        assert len(cells) == 3
        assert all(abs(cell["parameters"] - 100_000) <= 2_000 for cell in cells)
    copy = results("copy-1000")["summary"]
    assert ", ".join(f"{arch} {copy[arch]['accuracy']['mean']:.3f}" for arch in ("tcn", "lstm")) in FIGURES
    assert f"tcn {with_interval(results('music-jsb-tcn')['summary']['tcn']['nll_per_frame'], 3)} |" in FIGURES
    plan = results("plan")["summary"]
    assert ", ".join(f"{arch} {line['mse']['mean']:.4f}" for arch, line in plan.items()) in FIGURES


def test_the_figures_of_the_scan_are_those_of_its_benchmark() -> None:
    scan = results("scan")
    over = scan["speed"]["over_the_limit"]
    in_place, compiled, loop = (over[form] for form in ("in-place", "numba", "reference"))
    assert f"PyTorch alone {in_place:.1f}, compiled {compiled:.1f} (a plain loop {loop:.1f})" in FIGURES
    assert scan["missed"] == []


def test_the_readmes_example_is_that_of_the_leaderboard() -> None:
    board = json.loads((ROOT / "leaderboards" / "small" / "board.json").read_text(encoding="utf-8"))
    (copy,) = (task for task in board["tasks"] if task["task"] == "copy")
    rows = {row["label"]: f"{row['mean']:.3f} ± {row['half_width']:.3f}" for row in copy["rows"] if "mean" in row}
    labels = ("tcn", "transformer", "gru", "lstm", "rnn")
    if not set(labels) <= set(rows):
        pytest.skip("the board has no records of the present card for these architectures")
    assert f"| {' | '.join(labels)} |" in README
    assert f"| {' | '.join(rows[label] for label in labels)} |" in README


def test_every_architecture_is_described() -> None:
    described = (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8")
    assert [name for name in registry.list_entries(registry.ARCHITECTURES) if f"`{name}`" not in described] == []
    assert [name for name in registry.list_entries(registry.ARCHITECTURES) if f"`{name}`" not in README] == []


def test_ci_runs_the_readmes_test_command() -> None:
    (command,) = re.findall(r"^python3 -m venv .*pytest -n auto$", README, re.MULTILINE)
    ci = (ROOT / ".ci" / "run").read_text()
    # A step extracts the command from README and gives it word for word.
    (pattern,) = re.findall(r"sed -n '(s/.*/p)' README.md", ci)
    extracted = subprocess.run(
        ["sed", "-n", pattern, str(ROOT / "README.md")], capture_output=True, text=True, check=True
    )
    assert extracted.stdout.splitlines() == [command]
    assert 'bash -c "$command"' in ci
    steps = re.findall(r'^step "([^"]+)"', ci, re.MULTILINE)
    assert steps.index("newcomer") < steps.index("install")


def test_ci_fails_if_the_readmes_test_command_fails(tmp_path: Path) -> None:
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci" / "run")
    (tmp_path / "clone" / "README.md").write_text("python3 -m venv x || exit 3 # pytest -n auto\n")
    (tmp_path / "bin").mkdir()
    for program in ("python3", "chromium"):  # This python3 fails at once, and nothing is installed.
        (tmp_path / "bin" / program).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bin" / program).chmod(0o755)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path / "clone", check=True)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", tmp_path / "clone" / ".ci" / "run"],
        env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    assert "newcomer (failed: 3)" in done.stdout
    assert "virtual environment" not in done.stdout


def test_workflows_pin_their_actions() -> None:
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for action in re.findall(r"uses: (\S+)", file.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), f"{file.name}: {action}"


def test_pre_commit_uses_the_pinned_ruff() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    found = set(re.findall(r'"(ruff==[^"]+)"', hooks))
    assert len(found) == 1
    assert found <= set(pins)


def test_all_files_state_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == seqbench.__version__
    assert f"version: {seqbench.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"version = {{{seqbench.__version__}}}" in (ROOT / "docs" / "citing.md").read_text()


def test_the_error_rates_of_ranks_are_those_that_were_measured() -> None:
    errors = results("ranking")["errors"]
    normal = [share for kind, line in errors.items() if kind.startswith("normal") for share in line.values()]
    even = errors["solve or fail with noise, even odds"]
    assert max(normal) < 0.065, "the boards' own pages say: one in twenty"
    assert round(1 / even["3"]) == 4
    assert 0.02 < even["5"] < 0.05
    assert all(words in wording.RANK_ERRORS for words in ("one board in twenty", "one board in four", "a few percent"))


def test_the_page_on_statistics_has_the_figures_that_were_measured() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    ranks, coverage = results("ranking"), results("intervals")["coverage"]
    for kind, line in ranks["errors"].items():
        shares = " | ".join(f"{100 * line[seeds]:.1f} %" for seeds in ("3", "5", "10"))
        assert f"| {kind} | {shares} |" in page or f"| {kind} |" not in page
    power = ranks["power"]["deviations"]
    for seeds in ("3", "5", "10", "20", "50"):
        cells = " | ".join(f"{power[seeds][rows]:.1f}" for rows in ("3", "6", "10", "20", "100"))
        assert f"| {seeds} | {cells} |" in page
    for name in ("interquartile mean, 10 tasks", "optimality gap, 10 tasks", "probability of improvement, 10 tasks"):
        found = [figure["coverage"] for line in coverage[name].values() for figure in line.values()]
        assert f"| {name} | {100 * min(found):.1f}-{100 * max(found):.1f} % |" in page
        assert 0.90 <= min(found) <= max(found) <= 0.98
    found = [
        figure["coverage"] for line in coverage["mean over seeds and test samples"].values() for figure in line.values()
    ]
    assert f"100 % of the samples' error | {100 * min(found):.1f}-{100 * max(found):.1f} % |" in page
    assert 0.90 <= min(found) <= max(found) <= 0.97


def network_of(page: str) -> str:
    """The code of `my_file.py` on a page."""
    (code,) = re.findall(r"```python\n(# my_file\.py\n.*?)```", page, re.DOTALL)
    return str(code)


def test_the_network_of_the_readme_passes_the_checks_and_the_tutorial_has_the_same(tmp_path: Path) -> None:
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert network_of(tutorial) == network_of(README)
    names: dict[str, Any] = {"__name__": "my_file"}
    exec(compile(network_of(README), str(tmp_path / "my_file.py"), "exec"), names)
    report = check_architecture(names["MyNet"])
    assert report.failed == ()
    # How many are skipped depends on the machine: some checks need CUDA.
    ((passed, skipped),) = re.findall(r"^MyNet: (\d+) passed, (\d+) skipped, 0 failed$", README, re.MULTILINE)
    assert int(passed) + int(skipped) == len(report.outcomes)


def test_each_command_of_the_readme_is_parsed() -> None:
    """The words of each command that README shows are arguments of the command."""
    (block,) = re.findall(r"## Commands\n\n```sh\n(.*?)```", README, re.DOTALL)
    commands = [line.partition("  #")[0].split() for line in block.splitlines() if line.startswith("seqbench ")]
    assert len(commands) >= 20
    for _, command, *words in commands:
        words = [word.strip('"') for word in words]
        if "--help" not in words:
            _, rest = build_parser([command]).parse_known_args([command, *words])
            assert are_dotted(rest), (command, rest)


def test_the_pages_that_the_readme_links_exist() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
