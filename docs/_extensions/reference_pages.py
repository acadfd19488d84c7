"""Write the pages of the reference: one per public module, with a page per public name."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

import multitide
from multitide._part import Part

# The public names of `multitide` by what they are for; a module that is not named here
# gets a section of its own name.
TITLES = {
    "_estimator": "Models",
    "_load": "Models",
    "ensemble": "Models",
    "data": "Data",
    "encodings": "Inputs",
    "tasks": "Tasks",
    "training": "Training",
    "_gradient_flow": "Training",
    "study": "Studies",
    "reports": "Studies",
    "tuning": "Tuning",
    "_run_fit": "Runs and configurations",
    "config": "Runs and configurations",
    "_compare_runs": "Runs and configurations",
    "errors": "Errors and warnings",
}
TABLE = ".. autosummary::\n   :toctree: names\n   :nosignatures:\n\n"


def write_pages(app: Sphinx, config: Config) -> None:
    """Write the index of the reference and a page for each public module."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {}
    for module in _public_modules():
        if names := _names_of(module):
            pages[module] = _module_page(module, names)
    for module, text in pages.items():
        _write(folder / f"{module}.rst", text)
    _write(folder / "index.rst", _index(list(pages)))


def show_parameters(
    app: Sphinx, what: str, name: str, thing: object, *rest: object
) -> tuple[str, None] | None:
    """Show the parameters of a part: its `__new__`, which Sphinx reads first, takes anything."""
    if not (inspect.isclass(thing) and issubclass(thing, Part)):
        return None
    shown = []
    for parameter in list(inspect.signature(thing.__init__).parameters.values())[1:]:
        shown.append(parameter.replace(annotation=inspect.Parameter.empty))
    return str(inspect.Signature(shown)), None


def skip_routing(app: Sphinx, what: str, name: str, *rest: object) -> bool | None:
    """Leave out scikit-learn's routing of metadata, which links to its own pages."""
    if name == "get_metadata_routing" or re.fullmatch("set_.*_request", name):
        return True
    return None


def _public_modules() -> list[str]:
    found = {*multitide._MODULES.values(), *multitide._PUBLIC}
    return sorted(name for name in found if not name.startswith("_"))


def _names_of(module: str) -> list[str]:
    """Return the classes and functions of a module that `multitide` itself does not have."""
    found = import_module(f"multitide.{module}")
    listed = getattr(found, "__all__", None)
    names = []
    for name, thing in vars(found).items():
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        public = (
            thing.__module__ == found.__name__ if listed is None else name in listed
        )
        if public and not name.startswith("_") and name not in multitide.__all__:
            names.append(name)
    return sorted(names)


def _index(modules: list[str]) -> str:
    sections: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name in multitide.__all__:
        module = multitide._MODULE_OF[name]
        title = TITLES.get(module, module.strip("_").replace("_", " ").capitalize())
        sections.setdefault(title, []).append(name)
    text = _heading("Reference", "=")
    text += "Every public name: ``import multitide as mt``, then ``mt.NAME``.\n\n"
    for title, names in sections.items():
        text += _heading(title, "-") + _table("multitide", names)
    text += _heading("Modules", "-") + "Parts to build models of, and tools.\n\n"
    text += ".. toctree::\n   :maxdepth: 1\n\n"
    for module in modules:
        text += f"   {module}\n"
    return text


def _module_page(module: str, names: list[str]) -> str:
    full_name = f"multitide.{module}"
    text = _heading(full_name, "=")
    text += f"{import_module(full_name).__doc__}\n\n"
    return text + _table(full_name, names)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _table(module: str, names: list[str]) -> str:
    text = f".. currentmodule:: {module}\n\n{TABLE}"
    for name in names:
        text += f"   {name}\n"
    return text + "\n"


def _write(path: Path, text: str) -> None:
    """Write a page unless it is there already, so that Sphinx need not read it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for pages."""
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-signature", show_parameters)
    app.connect("autodoc-skip-member", skip_routing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
