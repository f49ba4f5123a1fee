"""Named options of fits and exports, without imports, so that the command line can list them quickly."""

from typing import Literal

PresetName = Literal["segue", "classic"]
Scaler = Literal["standard", "robust"]
Format = Literal["json", "skops", "joblib"]
