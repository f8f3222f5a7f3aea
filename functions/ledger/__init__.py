"""Lambda: the streams of profiles and retry windows, into facts."""
