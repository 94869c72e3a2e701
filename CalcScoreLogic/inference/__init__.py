"""Both network ensembles in one subprocess, for every caller: program, batch and Slicer.

`run.InferenceRun` is the caller's side and needs neither torch nor nnU-Net; `worker` is started by it in
the interpreter that has them. Nothing is imported here: the worker forks what watches its parent before numpy is there.
"""
