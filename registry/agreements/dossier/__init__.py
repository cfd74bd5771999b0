"""The whole file of an agreement as one ZIP, for a court or a records request, and the one for the public."""
