"""How Sphinx builds the site: ``make docs``."""

import sys
from pathlib import Path

import multitide

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "multitide"
author = "multitide contributors"
copyright = f"2026, {author}"
release = multitide.__version__
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "reference_pages",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# Pages are Markdown that a forge shows as well; `:::` holds what only the site understands.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# The reference comes from the docstrings, in which `x` is a parameter or a short piece of code.
default_role = "code"
autodoc_typehints = "none"
autosummary_generate = True
autosummary_imported_members = True
numpydoc_show_class_members = False

# The tutorials are scripts that run when the site is built; one that fails ends the build.
sphinx_gallery_conf = {
    "examples_dirs": "../examples/tutorials",
    "gallery_dirs": "tutorials",
    "filename_pattern": "/plot_",
    "ignore_pattern": "tables",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "ignore_repr_types": r"matplotlib\..*",
    "show_memory": False,
    "remove_config_comments": True,
    "default_thumb_file": str(DOCS / "figures" / "report.png"),
}

html_theme = "furo"
html_title = f"multitide {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp"
