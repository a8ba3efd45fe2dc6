"""The Executor: decides anew, writes down its intent, acts once, verifies, rolls back."""
