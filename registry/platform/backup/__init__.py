"""Backups: one archive of the database and of every document that it names, checked and put back as a whole."""
