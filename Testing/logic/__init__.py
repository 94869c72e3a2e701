"""Tests of CalcScoreLogic, one file a module."""
