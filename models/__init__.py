"""The shared nouns and contracts. Imports nothing of ours."""
