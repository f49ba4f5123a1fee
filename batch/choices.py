"""What a fit and an export may be told, by name; apart from what they need, so that a command line can list them."""

from typing import Literal

PresetName = Literal["segue", "classic"]
Scaler = Literal["standard", "robust"]
Format = Literal["json", "skops", "joblib"]
