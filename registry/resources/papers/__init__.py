"""Pictures and papers on file with an asset."""
