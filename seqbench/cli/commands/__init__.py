"""The commands of ``seqbench``, one file for each."""
