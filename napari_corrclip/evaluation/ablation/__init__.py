"""The ablation: the method switched on step by step, on images with truth, every row on the same towers."""
