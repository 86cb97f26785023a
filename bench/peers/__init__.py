"""One file per engine, all of one shape (see `peers.engine`)."""
