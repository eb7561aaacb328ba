"""What happens when a part dies at the worst moment: real workers, real Redis, real signals."""
