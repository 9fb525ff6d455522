"""Run a recipe: the first class of a ``.py`` file, with ``setfolders()``."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerannot._progress import Progress, silent
from peerannot.dataset._recipe import Recipe
from peerannot.errors import (
    DataError,
    MissingDependencyError,
    ParameterError,
    PeerannotError,
)

__all__ = ["CUSTOM", "Installed", "run_recipe"]

CUSTOM = "customDataset.py"
_MODULE = "peerannot_recipe"


@dataclass(frozen=True, slots=True)
class Installed:
    """What ran, and the folder that it wrote to."""

    recipe: str
    folder: Path


def run_recipe(
    path: str | Path, options: Mapping[str, Any] | None = None, *, progress: Progress = silent
) -> Installed:
    """Run a recipe file: constructor, ``setfolders()``, ``get_crowd_labels()``.

    The class is the first in the file that has ``setfolders``. ``get_crowd_labels()`` is called
    after it when the class has one without arguments and it has not run by then. The file is
    code and is run as such: install only recipes that you trust.

    Parameters
    ----------
    path
        The file.
    options
        Arguments of ``setfolders``, for a recipe called ``customDataset.py``.
    progress
        Told by recipes derived from `Recipe`.

    Raises
    ------
    DataError
        The file is missing, is not Python, or has no such class.
    MissingDependencyError
        The recipe imports something that is not installed.
    PeerannotError
        The recipe failed; the message has file and line.
    """
    file = Path(path).absolute()
    if not file.is_file():
        why = "is a folder, give the .py file in it" if file.is_dir() else "no such file"
        raise DataError(f"{path}: {why}")
    if file.suffix != ".py":
        raise DataError(f"{path}: a recipe is a .py file")
    folder = Path.cwd() if file.name == CUSTOM else file.parent
    with _importable(file.parent), _placed(file):
        module = _load(file)
        cls = _recipe_class(module, path)
        watched = _watched(cls, progress)
        recipe = watched()
        setfolders = recipe.setfolders
        arguments = dict(options or {})
        try:
            inspect.signature(setfolders).bind(**arguments)
        except TypeError as error:
            raise ParameterError(f"{path}: {cls.__name__}.setfolders(): {error}") from None
        setfolders(**arguments)
        labels = getattr(super(watched, recipe), "get_crowd_labels", None)
        if not watched.labels_done and _takes_nothing(labels):
            recipe.get_crowd_labels()
    return Installed(cls.__name__, folder)


def _load(file: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if spec is None or spec.loader is None:
        raise DataError(f"{file}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and inspect look the module up while the class is made.
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def _recipe_class(module: types.ModuleType, path: str | Path) -> type[Any]:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    for cls in own:
        if callable(getattr(cls, "setfolders", None)):
            return cls
    if own:
        raise DataError(f"{path}: class {own[0].__name__} has no method setfolders()")
    raise DataError(f"{path}: no class in it; a recipe is a class with a method setfolders()")


def _watched(cls: type[Any], progress: Progress) -> type[Any]:
    """The class itself, but it remembers whether ``get_crowd_labels`` ran."""
    body: dict[str, Any] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "labels_done": False,
    }

    if hasattr(cls, "get_crowd_labels"):

        def get_crowd_labels(self: Any, *args: Any, **kwargs: Any) -> Any:
            watched.labels_done = True
            return super(watched, self).get_crowd_labels(*args, **kwargs)

        body["get_crowd_labels"] = get_crowd_labels
    if issubclass(cls, Recipe):
        body["progress"] = staticmethod(progress)
    watched: type[Any] = types.new_class(cls.__name__, (cls,), exec_body=lambda ns: ns.update(body))
    return watched


def _takes_nothing(method: Any) -> bool:
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind()
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a recipe import modules beside it; last in line, so that none of ours is hidden."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        sys.modules.pop(_MODULE, None)


@contextmanager
def _placed(file: Path) -> Iterator[None]:
    """Turn what a recipe raises into one line with its place."""
    try:
        yield
    except (PeerannotError, MemoryError, BrokenPipeError):
        raise
    except SyntaxError as error:
        place = f"{error.filename or file}:{error.lineno or 1}"
        raise DataError(f"{place}: not Python: {error.msg}") from error
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise MissingDependencyError(
            f"{_place(error, file)}: the recipe needs the module {name!r}: pip install {name}"
        ) from error
    except SystemExit as error:
        raise PeerannotError(
            f"{_place(error, file)}: the recipe exits before it is done: {error.code}"
        ) from error
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        said = " ".join(str(error).split())
        text = type(error).__name__ + (f": {said}" if said else "")
        raise PeerannotError(f"{_place(error, file)}: {text}") from error


def _place(error: BaseException, file: Path) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).absolute() == file]
    last = own[-1] if own else frames[-1]
    return f"{last.filename}:{last.lineno}"
