"""How fast CalcScore is against stock nnU-Net, and how much memory it takes."""
