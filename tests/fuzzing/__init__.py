"""Broken input of every kind is answered or refused in a sentence, and touches nothing."""
