"""``python -m codeopen.cli``: the same as the command ``codeopen``."""

import sys

from codeopen.cli.main import main

sys.exit(main())
