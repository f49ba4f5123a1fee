"""What an analyst looks for in the raw data, as small frames, figures and one sentence each."""
