"""Configuration of the documentation: `nox -s docs` builds it."""

from __future__ import annotations

import seqbench

project = "seqbench"
author = "The seqbench developers"
project_copyright = "The seqbench developers"
release = version = seqbench.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = f"seqbench {release}"
html_theme_options = {
    "github_url": "https://github.com/seqbench/seqbench",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# The tests run the examples of docstrings, which need the names of their modules; the site tests its own pages.
doctest_test_doctest_blocks = ""
doctest_global_setup = "import torch"
doctest_default_flags = __import__("doctest").NORMALIZE_WHITESPACE | __import__("doctest").ELLIPSIS

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Files of the repository that are not pages of the site.
linkcheck_ignore = [r"https://github\.com/seqbench/.*"]
suppress_warnings = ["myst.header"]
