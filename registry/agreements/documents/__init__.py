"""What is on file with an agreement: signed copies, evidence, exhibits, addenda, proofs."""
