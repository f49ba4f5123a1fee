"""The drift observer: reads what the workers have committed, without slowing them down."""
