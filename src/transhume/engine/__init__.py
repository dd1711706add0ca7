"""Walks the plan: the journal before the act, one room that performs, status as a fold."""
