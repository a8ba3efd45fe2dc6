"""The Compressor: raw (redacted) text in, evidence within a budget out."""
