"""PDF documents, tagged for readers that do not see them. The engine is optional."""
