"""What a stack and its checkout say: settings, mirrors, revisions."""
