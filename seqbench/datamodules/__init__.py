"""Tasks' data: one file per family, each a pure sampler or reader and its LightningDataModule."""
