"""The days on which somebody must act, computed from the record."""
