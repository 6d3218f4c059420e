"""The kernel side: BTF, BCC, the shared indices and the system-call table."""
