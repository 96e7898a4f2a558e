"""The task dyck for seqbench; its card is the file dyck.yaml in this folder."""
