"""The live stream: what commits is kept for a moment, folded into where learners stand, and told to
whoever listens on `/api/v1/live`. docs/live.md says how to listen."""
