"""Blind scoring: the net under test runs in a process of its own, which reads inputs and never targets or metrics."""
