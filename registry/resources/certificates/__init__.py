"""Certificates of assets: of a K9 team, which are handler's and dog's together, and of a laboratory."""
