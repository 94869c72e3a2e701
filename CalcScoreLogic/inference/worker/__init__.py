"""The subprocess of a run: everything that needs PyTorch and nnU-Net."""
