"""The Pulumi program; what it does is in ``stacks/program.py``."""

from stacks.program import run_stack

run_stack()
