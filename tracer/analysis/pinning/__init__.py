"""The pinning experiment explained."""
