"""Pure mathematics: units, RFM, segment models, decay, personas. No IO, no clock, no settings."""
