"""dyck, a task for seqbench; its card is dyck.yaml beside this file."""
