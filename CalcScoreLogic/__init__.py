"""CalcScore: arterial calcification of the abdominal aorta and its branches on contrast CT angiography.

Research software, not a medical device. The package imports nothing of Slicer, Qt or VTK; heavy
libraries are imported where they are used, so that ``import CalcScoreLogic`` costs nothing.
"""

__version__ = "0.1.0"
