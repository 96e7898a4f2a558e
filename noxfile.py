"""The checks of the project as nox sessions. `nox -l` lists them; `nox` runs those that are marked with a star."""

import os
import re
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nox
from packaging.requirements import Requirement

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
PYTHONS = nox.project.python_versions({"project": PROJECT})
CONSTRAINTS = str(Path("constraints.txt").resolve())
PINS = ("-c", CONSTRAINTS)

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "tests"]


@nox.session(reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Run the fast tests, or the tests that `-- ARGS` selects; `--force-python 3.12` uses another Python."""
    session.install(*PINS, "-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(reuse_venv=True)
def slow(session: nox.Session) -> None:
    """Run the slow tests: real training and several processes (minutes)."""
    session.install(*PINS, "-e", ".[test,ray,slurm,trackio]")
    chosen = "slow and not gpu and not exhaustive"
    session.run("python", "-m", "pytest", "-m", chosen, *session.posargs, success_codes=[0, 5])  # 5: no tests


@nox.session(reuse_venv=True)
def exhaustive(session: nox.Session) -> None:
    """Test thousands of broken files and commands, and dozens of kills (a quarter of an hour)."""
    session.install(*PINS, "-e", ".[test,ray,slurm]")
    session.run("python", "-m", "pytest", "-m", "exhaustive", "-s", *session.posargs)


@nox.session(reuse_venv=True)
def gpu(session: nox.Session) -> None:
    """Run the tests that need a CUDA device."""
    session.install(*PINS, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "gpu", *session.posargs)


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check the style, and the types: strictly in the package, less so in the tests (pyproject.toml)."""
    session.install(*PINS, "-e", ".[lint,test]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session(reuse_venv=True)
def coverage(session: nox.Session) -> None:
    """Run the fast tests and print the share of lines that they run; fail below the floor of pyproject.toml."""
    session.install(*PINS, "-e", ".[test]")
    options = ("-n", "auto", "--cov", "--cov-report=term:skip-covered")
    session.run("python", "-m", "pytest", *options, *session.posargs)


@nox.session(reuse_venv=True)
def mutants(session: nox.Session) -> None:
    """Apply each mutation of tests/mutants/, and fail if a mirrored test file does not notice one."""
    session.install(*PINS, "-e", ".[test]")
    session.run("python", "-m", "tests.mutants.run", *session.posargs)


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the documentation with warnings as errors, run its doctests, and check its links."""
    session.install(*PINS, "-e", ".[docs]")
    build = ("python", "-m", "sphinx", "--fail-on-warning", "--keep-going")
    session.run(*build, "-b", "html", "docs", "docs/_build/html")
    session.run(*build, "-b", "doctest", "docs", "docs/_build/doctest")
    # Links inside the documentation are checked by the build. Links to other sites need a network.
    if online("docs.python.org"):
        session.run(*build, "-b", "linkcheck", "docs", "docs/_build/linkcheck")
    else:
        session.log("No network: links to other sites are not checked.")


@nox.session(python=PYTHONS[0])
def minimums(session: nox.Session) -> None:
    """Run the fast tests with the lowest Python and the lowest versions that pyproject.toml declares."""
    pins = {requirement.name: lowest(requirement) for requirement in [*declared(), *declared("test")]}
    # Old torch wheels without CUDA are not on PyPI, and those with CUDA take several GB. So torch keeps its version of
    # constraints.txt, unless SEQBENCH_MINIMUMS_TORCH (such as 2.6.0) sets another one.
    pins["torch"] = os.environ.get("SEQBENCH_MINIMUMS_TORCH") or pinned("torch")
    file = Path(session.create_tmp(), "minimums.txt")
    file.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
    session.log(file.read_text(encoding="utf-8"))
    # constraints.txt is not used, because it pins dependencies that are too new for these versions.
    session.install("-c", str(file), ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build sdist and wheel, install the wheel elsewhere, and run a task from there."""
    session.install(*PINS, "build")
    with tempfile.TemporaryDirectory() as folder:
        # Without --sdist or --wheel the wheel is built from the sdist, so this checks both.
        session.run("python", "-m", "build", "--outdir", folder)
        wheel = next(Path(folder).glob("*.whl"))
        check_contents(session, wheel)
        session.run("python", "-m", "venv", f"{folder}/venv")
        installed = Path(folder, "venv", "Scripts" if os.name == "nt" else "bin")
        session.run(str(installed / "python"), "-m", "pip", "install", "-q", *PINS, str(wheel), external=True)
        session.chdir(folder)  # so that no file of the checkout replaces one that is missing in the wheel
        seqbench = str(installed / "seqbench")
        session.run(seqbench, "list", external=True)
        run = "run --arch gru --task copy --tier smoke --logger none --runs runs"
        session.run(seqbench, *run.split(), external=True)


@nox.session(reuse_venv=True)
def benchmarks(session: nox.Session) -> None:
    """Measure the figures of README and docs with every file of benchmarks/, or with those that `-- NAMES` selects."""
    session.install(*PINS, "-e", ".[dev]")
    for name in session.posargs or sorted(file.stem for file in Path("benchmarks").glob("[!_]*.py")):
        session.run("python", "-m", f"benchmarks.{name}")


@nox.session
def constraints(session: nox.Session) -> None:
    """Write constraints.txt: the newest versions that work with the pinned torch (`-- 2.14.0` pins another torch)."""
    torch = session.posargs[0] if session.posargs else pinned("torch")
    session.install(f"torch=={torch}", ".[dev]")
    frozen = session.run("python", "-m", "pip", "freeze", "--exclude", PROJECT["name"], silent=True)
    # torch pins its CUDA libraries itself, where it needs them. With "+cpu", pip would accept no other build.
    kept = [re.sub(r"\+.*", "", line) for line in frozen.splitlines() if not re.match("nvidia|cuda|triton", line)]
    comment = [line for line in Path(CONSTRAINTS).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    Path(CONSTRAINTS).write_text("\n".join([*comment, *kept]) + "\n", encoding="utf-8")


def online(host: str) -> bool:
    """Check whether a host answers on its HTTPS port within three seconds."""
    try:
        with socket.create_connection((host, 443), timeout=3):
            return True
    except OSError:
        return False


def declared(extra: str = "") -> Iterator[Requirement]:
    """Yield the dependencies of pyproject.toml or of one of its extras; an extra may contain another extra."""
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]):
        if requirement.name == PROJECT["name"]:
            yield from (inner for name in requirement.extras for inner in declared(name))
        else:
            yield requirement


def lowest(requirement: Requirement) -> str:
    """Return the version after ``>=``."""
    return next(bound.version for bound in requirement.specifier if bound.operator == ">=")


def pinned(name: str) -> str:
    """Return the version of a package in constraints.txt."""
    return re.search(rf"^{name}==(\S+)$", Path(CONSTRAINTS).read_text(encoding="utf-8"), re.MULTILINE)[1]


def check_contents(session: nox.Session, wheel: Path) -> None:
    """Fail unless the wheel contains every card, every board, and every file of the package."""
    cards = {f"seqbench/_data/tasks/{card.name}" for card in Path("tasks").glob("*.yaml")}
    boards = {f"seqbench/_data/{path}" for path in Path("leaderboards").rglob("*") if path.is_file()}
    package = {
        path.as_posix() for path in Path("seqbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    missing = (cards | boards | package) - set(zipfile.ZipFile(wheel).namelist())
    if missing:
        session.error(f"{wheel.name} lacks {', '.join(sorted(missing))}")
