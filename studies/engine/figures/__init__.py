"""Figures of a study for plotly, from plain rows; Optuna's own where it has one that fits.

No storage is opened: the rows become an Optuna study in memory.
"""
