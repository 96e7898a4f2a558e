"""The commands of ``seqbench``; the first line of each file is the summary that ``seqbench --help`` prints."""
