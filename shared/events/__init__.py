"""The published language: the envelope, one frozen type per event, its topic and its key. It does no I/O."""
