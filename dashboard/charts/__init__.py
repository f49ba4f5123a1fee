"""The figures: pure functions from small frames to plotly, one visual language; one file per page."""
