"""`python -m cue_cli.cueadmin`."""

import sys

from cue_cli.cueadmin.run import main

if __name__ == "__main__":
    sys.exit(main())
