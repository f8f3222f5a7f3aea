"""`python -m tests.simulation [PEOPLE]`: see `proof`."""

import sys

from tests.simulation.proof import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
