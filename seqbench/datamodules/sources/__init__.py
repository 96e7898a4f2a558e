"""Sources of real and synthetic data: folders of published files, the Hugging Face hub, packages; without torch."""
