"""Decoding: sequences out of a body's begin/step and an objective's emit."""
