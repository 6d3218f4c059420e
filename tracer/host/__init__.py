"""What this machine is, has left and does; reads only."""
