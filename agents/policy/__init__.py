"""What may run: lines become typed commands or refusals, acts become verdicts, text is redacted.

Reading order: `refusal`, `shell`, `kinds`, `flags`, `verbs`, `words`, `parse`, `inner`, `render`,
`actions`, `reads`, `asked`, `pooled`, `decide`, `redact`.
"""
