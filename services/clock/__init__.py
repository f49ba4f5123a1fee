"""The clock of a live stream: it sends ticks from the wall clock, so that time alone moves customers."""
