"""The data that the packages exchange: specs, batches, cards, configurations, records and the registry."""
