"""The redline between two versions of an agreement: per provision, per term, and as a page to read."""
