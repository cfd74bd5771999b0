"""From when until when each party of an agreement was bound, by which version, and by which acts."""
