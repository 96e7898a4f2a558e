"""Import of a class from its path, ``my_file:MyNet``, with a sentence for each way in which it can fail."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.class_paths import classes_in_file, close_names
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line

MOST_NAMES = 10
"""Most classes of a file that an error names."""

_added_folders: list[str] = []
"""The folder that ``_make_importable`` has added to ``sys.path``."""


def import_from_path(path: str) -> object:
    """Import the object that a path names, and keep the sources of the user's modules that are imported with it.

    Args:
        path: ``package.module:Class``, as ``class_paths.normalise_class_path`` returns it.

    Raises:
        NotAtHand: the module cannot be imported here or lacks the object.
        SeqbenchError: another module hides the file of that name in the current folder.
    """
    module_name, _, attribute = path.partition(":")
    _make_importable(module_name)
    _check_not_hidden(path)
    try:
        with module_sources.record_imports():
            loaded: object = importlib.import_module(module_name)
            for part in attribute.split("."):
                loaded = getattr(loaded, part)
    except (KeyboardInterrupt, NotAtHand):
        raise
    except SeqbenchError as error:  # A class was refused when it was defined.
        raise SeqbenchError(f"'{path}': {error}") from error
    # The module may raise any error while it is imported, and may even exit the process.
    except BaseException as error:
        raise NotAtHand(f"'{path}' could not be imported: {_describe_error(path, error)}") from error
    return loaded


def _make_importable(module_name: str) -> None:
    """Add the current folder to the end of ``sys.path`` if a module of the user cannot be found otherwise.

    ``python`` adds it by itself, but a console script such as ``seqbench`` does not. The folder is not removed
    afterwards, because the module may import other modules of the folder later. It is replaced if a path is imported in
    another folder.
    """
    here = str(Path.cwd())
    if _added_folders and _added_folders != [here]:
        sys.path[:] = [entry for entry in sys.path if entry not in _added_folders]
        _added_folders.clear()
    if _find_file(module_name.partition(".")[0]) is None and here not in sys.path:
        sys.path.append(here)
        _added_folders.append(here)
        importlib.invalidate_caches()


def _find_file(top: str) -> Path | None:
    """Return where Python finds a top-level module; None if it does not."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    return Path(spec.origin or next(iter(spec.submodule_search_locations or ()), top))


def _check_not_hidden(path: str) -> None:
    """Check that the module of a path is the one in the current folder, if there is one.

    Raises:
        SeqbenchError: a module of Python, of an installed library or of another folder has the same name.
    """
    top = path.partition(":")[0].partition(".")[0]
    here = next((file for file in (Path(f"{top}.py"), Path(top, "__init__.py")) if file.is_file()), None)
    found = _find_file(top)
    if here is None or found is None or top == "seqbench" or (found.exists() and found.samefile(here)):
        return
    shown = here.parent if here.name == "__init__.py" else here
    if top in sys.stdlib_module_names:
        owner = f"a module of Python itself, '{top}'"
    else:
        kind = "the installed library" if module_sources.is_installed(str(found)) else "another module,"
        owner = f"{kind} '{top}' ({found.parent if found.name == '__init__.py' else found})"
    raise SeqbenchError(
        f"'{path}' names {owner}, which hides {shown} in the current folder; give {shown} another name."
    )


def _describe_error(path: str, error: BaseException) -> str:
    """Return why an object could not be imported, as the end of a sentence and a hint."""
    module_name, _, attribute = path.partition(":")
    loaded = sys.modules.get(module_name)
    if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
        return _describe_missing_module(str(error.name), attribute)
    if isinstance(error, AttributeError) and loaded is not None and error.obj is loaded:
        return _describe_missing_class(module_name, attribute)
    place = _error_place(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        hint = _sibling_hint(path, missing) or "; install it"
        return f"it needs the library '{error.name}', which is not installed here{place}{hint}."
    return f"{type(error).__name__}: {one_line(error, 300)}{place}."


def _describe_missing_module(missing: str, attribute: str) -> str:
    """Return the folder that was searched, and the modules in it with a similar name or with the class."""
    package, _, name = missing.rpartition(".")
    folder = Path(*package.split(".")) if package else Path()
    stems = [file.stem for file in sorted(folder.glob("*.py"))]
    with_class = [stem for stem in stems if attribute in classes_in_file(folder / f"{stem}.py")]
    near = dict.fromkeys([*close_names(name, stems), *with_class])
    words = [f"{package}.{stem}:{attribute}" if package else f"{stem}:{attribute}" for stem in near]
    hint = f" Did you mean {' or '.join(words[:3])}?" if words else ""
    return f"there is no {folder / f'{name}.py'} in {Path.cwd()}, and no library {missing} is installed.{hint}"


def _describe_missing_class(module_name: str, attribute: str) -> str:
    loaded = sys.modules[module_name]
    names = [key for key, value in vars(loaded).items() if isinstance(value, type) and value.__module__ == module_name]
    close = close_names(attribute, names)
    if close:
        hint = f"Did you mean {module_name}:{close[0]}?"
    elif names:
        hint = f"Its classes: {', '.join(names[:MOST_NAMES])}{', ...' if len(names) > MOST_NAMES else ''}."
    else:
        hint = "It has no class."
    return f"{getattr(loaded, '__file__', None) or module_name} has no {attribute}. {hint}"


def _sibling_hint(path: str, missing: str) -> str:
    """Return what to do if a module in a subfolder imports a file beside it, as the end of a sentence."""
    folder, _, module = path.partition(":")[0].replace(".", "/").rpartition("/")
    if folder and Path(folder, f"{missing}.py").is_file():
        return f"; {missing}.py is in {folder}, so run seqbench in that folder, with {module}:{path.partition(':')[2]}"
    return ""


def _error_place(error: BaseException) -> str:
    """Return the file and the line of the user's code that raised an error, in brackets; empty if it is unknown."""
    if isinstance(error, SyntaxError):  # Its text names them.
        return ""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and Path(frame.filename).is_file()
        if not module_sources.is_installed(frame.filename) and not module_sources.is_standard(frame.filename)
    ]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
