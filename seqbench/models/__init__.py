"""The LightningModule that joins a body (which runs backbones) with an objective, and its construction."""
