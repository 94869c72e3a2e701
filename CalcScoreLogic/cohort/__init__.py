"""Cohorts: what goes in, how it is run, and what comes out."""
