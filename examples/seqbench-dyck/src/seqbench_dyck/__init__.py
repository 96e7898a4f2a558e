"""dyck, a task for seqbench. Its card is the file dyck.yaml in this folder."""
