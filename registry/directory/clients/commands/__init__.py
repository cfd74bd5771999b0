"""Commands on service clients, verb by verb."""
