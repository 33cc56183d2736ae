"""Spins: what a sequence makes of tissue, and what the receiver's noise makes of that."""
