"""The system of record for who agreed to share what, who may ask for it now, and how well it works."""

__version__ = "0.1.0"
