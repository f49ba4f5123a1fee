"""Pure mathematics: units, RFM, segment models, decay, personas. No I/O, no clock, no settings."""
