"""Where real data comes from: a folder of the published files, or the hub; found without torch."""
