"""Starts new parts: an entry of the catalog and the files beside it, which work at once and are there to be edited.

And keeps what READMEs of parts repeat of the catalog as the catalog has it.
"""
