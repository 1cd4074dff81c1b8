"""What happens to an export before it is published: proof, warm-up requests, its model card."""
