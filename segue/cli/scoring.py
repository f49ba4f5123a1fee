"""The steps of ``segue score``, and the file of customers that ``segue fit --assign`` writes, too."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.segment_model import SegmentModel
from runtime.counts import many
from runtime.output_files import check_output, replacing
from runtime.running_stack import not_running_reason
from runtime.settings import Settings
from segue.cli.console import fail, messages, table
from segue.cli.postgres import connect

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def check_assigned(path: Path | None, force: bool) -> None:
    """Check the file of customers before the work begins."""
    if path is not None:
        check_output(path, suffixes=(".csv",), force=force)


def write_assigned(assigned: "pd.DataFrame", path: Path) -> None:
    """Write every customer with the segment as CSV."""
    with replacing(path) as draft:
        assigned.to_csv(draft, index=False)
    found = many(len(assigned), "customer with their segment is", "customers with their segments are")
    messages.print(f"{found} in {path}", soft_wrap=True, markup=False)


def find_model(name: str, settings: Settings) -> SegmentModel:
    """Return the model in a JSON file, or one of the registry by its version or alias.

    Raises
    ------
    ModelError, SegueError
        If the file is no model, the registry has no such model, or nothing names a database.
    """
    from batch.model_files import read_model
    from data.postgres import model_registry

    file = Path(name)
    is_file = os.path.isfile(name)  # unlike Path.is_file, also False for a name that is too long
    if file.suffix.lower() == ".json" or "/" in name or (settings.database_url is None and is_file):
        return read_model(file)
    if settings.database_url is None:
        reason = not_running_reason(settings.state_dir)
        fail(f"--model {name} is not a file, and {reason}: name a JSON file that `segue fit -o` has written")
    return model_registry.find(connect(settings), name)


def sizes(assigned: "pd.DataFrame", model: SegmentModel) -> "Table":
    """A table of the segments with their numbers of customers."""
    count = assigned["segment"].value_counts()
    rows = [
        [segment.name, f"{number:,}", f"{number / max(len(assigned), 1):.1%}"]
        for segment in model.segments
        for number in (int(count.get(segment.id, 0)),)
    ]
    return table(f"Model {model.version}", ["persona", "customers", "share"], rows)
