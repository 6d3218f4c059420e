"""A kernel without type information: its directory is hidden."""

import subprocess
import sys

from refused import main

if __name__ == "__main__":
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/sys/kernel/btf"), check=True)
    sys.exit(main())
