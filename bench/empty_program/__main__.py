"""The floor of a project's stack: a program that declares nothing."""

import pulumi

pulumi.log.debug("nothing")
