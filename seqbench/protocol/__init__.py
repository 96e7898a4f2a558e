"""Types of the data that packages exchange: specs, batches, cards, configurations, records and the registry."""
