"""Joins the engine to the database: the only package that knows both."""

from studies.runner.dispatch import run

__all__ = ["run"]
