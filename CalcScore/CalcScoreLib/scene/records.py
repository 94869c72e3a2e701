"""The scores.json of a case as a text node, so that a saved scene can be shown and scored again."""

from __future__ import annotations

import json
from typing import Any

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.results import CaseResult

RECORD = "CalcScore.Record"
"""Attribute that marks the text node; its value is the version of what the node refers to."""

VERSION = "1"


def write_record(node: Any, result: CaseResult) -> None:
    """Write a result into a text node.

    Parameters
    ----------
    node : vtkMRMLTextNode
        Gets the content of ``scores.json``.
    result : CaseResult
        The scores.
    """
    node.SetAttribute(RECORD, VERSION)
    node.SetText(json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))


def read_record(node: Any) -> CaseResult:
    """Read the result that a text node holds.

    Parameters
    ----------
    node : vtkMRMLTextNode
        Written by `write_record`.

    Returns
    -------
    CaseResult
        The scores.

    Raises
    ------
    InputError
        The text is no ``scores.json``, or one of another version.
    """
    version = node.GetAttribute(RECORD)
    if version != VERSION:
        raise InputError(
            f"{node.GetName()} was made by another version of CalcScore (record {version}, this one makes {VERSION}); "
            "analyze again"
        )
    try:
        content = json.loads(node.GetText() or "")
    except ValueError as error:
        raise InputError(f"{node.GetName()} holds no scores.json any more, analyze again") from error
    if not isinstance(content, dict):
        raise InputError(f"{node.GetName()} holds no scores.json any more, analyze again")
    return CaseResult.from_dict(content)
