"""What is done to images before anything is fitted to them."""
