"""The identity of an architecture: the path of its class, and the digests of the sources that define it."""
