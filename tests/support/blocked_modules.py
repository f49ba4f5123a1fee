"""The beginning of a Python program in which some modules are missing."""

_BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def without_modules(blocked: set[str]) -> str:
    """Source code that makes the import of these top-level modules fail, as if they were not installed."""
    return _BLOCKER.format(blocked=blocked)
