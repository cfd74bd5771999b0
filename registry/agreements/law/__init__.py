"""Rules of law as data: to what each applies, where it is written, and how it was checked; none is legal advice."""
