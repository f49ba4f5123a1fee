"""What a caller says about how files are to be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.datasets import presets
from data.datasets.mapping import Mapping
from data.datasets.mapping_toml import with_settings

#: As of the setting SEGUE_CURRENCY.
DEFAULT_CURRENCY = "GBP"


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read.

    Parameters
    ----------
    mapping
        How the file of the shop is to be read; None to recognise a preset by the header.
    settings
        Keys of the mapping that are set anew, such as ``time.day_first=true``.
    on_error
        What becomes of a bad row: ``stop`` raises an error, ``skip`` leaves the row out and counts it.
    rejects
        With ``skip``, the CSV file that gets the rows that were left out, each with its reason.
    currency
        The currency of amounts if neither the mapping nor the file says it.
    """

    mapping: Mapping | None = None
    settings: tuple[str, ...] = ()
    on_error: Literal["stop", "skip"] = "stop"
    rejects: Path | None = None
    currency: str = DEFAULT_CURRENCY

    def mapping_of(self, headers: Sequence[str]) -> Mapping:
        """The mapping of a file with this header, with the settings applied and the file's own column names.

        Raises
        ------
        DataError
            If a setting is not valid, the file lacks a column, or no preset fits.
        """
        named = self.mapping is not None or any(one.partition("=")[0].strip() == "preset" for one in self.settings)
        mapping = self.mapping or (Mapping() if named else presets.preset(presets.recognised(headers)))
        return presets.complete(with_settings(mapping, self.settings), headers)
