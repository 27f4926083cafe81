"""Robustness: what noise, blur, JPEG and low contrast cost on the demo's scenes, and what helps."""
