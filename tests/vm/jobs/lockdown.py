"""A kernel that is locked down for confidentiality (boot.sh gives it that argument)."""

import sys

from refused import main

if __name__ == "__main__":
    sys.exit(main())
