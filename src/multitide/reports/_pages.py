"""What all pages share: templates, the escaping of names, numbers as text, and Markdown tables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from multitide._result_folder import write_file
from multitide._visible import visible
from multitide.reports._markdown import code, code_block, markdown
from multitide.study.results._tables import MISSING, p_value_in_words

# A row of a pandas table: a dict whose values have the types of the columns.
Row: TypeAlias = Mapping[str, Any]
# What a template shows, by the name that it uses.
Content: TypeAlias = dict[str, object]


def make_environment() -> Environment:
    """Return the Jinja environment that renders the templates of this package."""
    environment = Environment(
        loader=PackageLoader("multitide.reports"),
        autoescape=_is_html,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["isnan"] = math.isnan
    environment.filters |= {
        "breakable": breakable,
        "code": code,
        "code_block": code_block,
        "md": markdown,
        "md_table": markdown_table,
        "p_value": p_value_in_words,
        "percent": "{:.0%}".format,
        "sig": significant,
        "signed": signed,
    }
    return environment


def _is_html(template: str | None) -> bool:
    return template is not None and template.endswith(".html.j2")


def _shown(value: object) -> object:
    """Write out control characters; `Markup` is our own and stays as it is."""
    if type(value) is str:
        return visible(value)
    return value


def breakable(name: str) -> Markup:
    """Return a name as HTML that a narrow column breaks after its underscores and dots."""
    return Markup(re.sub(r"([_.])", r"\1<wbr>", str(escape(visible(name)))))


def markdown_table(frame: pd.DataFrame) -> str:
    """Return a DataFrame as a Markdown table.

    Floats have three significant digits, missing values are a dash, and all text is escaped.
    """
    lines = [[markdown(name) for name in frame.columns], ["---"] * frame.shape[1]]
    for row in frame.itertuples(index=False, name=None):
        lines.append([markdown(cell(value)) for value in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """Return a table cell as text."""
    if isinstance(value, float | np.floating):
        return significant(float(value))
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    return str(value)


def significant(value: float | None) -> str:
    """Write a number with three significant digits, and whole numbers as they are."""
    if value is not None and abs(value) >= 1000:
        return written(value, "{:,.0f}")
    return written(value, "{:.3g}")


def signed(value: float | None) -> str:
    """Write a number with its sign and three decimals."""
    return written(value, "{:+.3f}")


def written(value: float | None, form: str) -> str:
    """Write a number in a form such as ``"{:.4g}"``; a missing one is a dash."""
    if value is None or math.isnan(value):
        return MISSING
    return form.format(value)


def write_pages(
    folder: Path,
    content: Content,
    templates: Mapping[str, str],
    *,
    environment: Environment | None = None,
) -> None:
    """Render templates into files of a folder.

    Parameters
    ----------
    folder : path
        Exists already.
    content : dict
        What the templates show.
    templates : dict of str to str
        For each file its template.
    environment : Environment, optional
        With filters and functions of its own; :func:`make_environment` by default.
    """
    environment = environment or make_environment()
    for name, template in templates.items():
        text = environment.get_template(template).render(content)
        write_file(folder / name, text)
