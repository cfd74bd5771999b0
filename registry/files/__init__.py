"""Files as they come in: taken to disk piece by piece, recognised, read apart from the service, kept by their hash."""
