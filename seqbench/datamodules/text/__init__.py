"""Text processing: vocabularies, tokenizers, n-gram models and BLEU."""
