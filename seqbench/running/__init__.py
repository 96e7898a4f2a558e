"""Run one configuration: options, training, evaluation, scoring, provenance, logging and samples."""
