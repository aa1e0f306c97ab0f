"""The one way in: decode, check, admit, store once, answer."""
