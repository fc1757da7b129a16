"""Joins the engine to the database: the only package that knows both."""

from studies.runner.study_run import run

__all__ = ["run"]
