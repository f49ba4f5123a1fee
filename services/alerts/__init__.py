"""Alerts for people: one message for each time in which the measure of a rule is above its limit."""
