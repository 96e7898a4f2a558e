"""Broken input of every kind is accepted, or refused in a sentence, and changes no file outside of its folder."""
