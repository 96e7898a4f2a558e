"""Datamodules of the tasks: one module per family, each with a pure sampler or reader and its LightningDataModule."""
