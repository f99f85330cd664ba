"""The command line: one file per command, loaded when it is asked for."""


def main() -> None:
    """Run the command that `sys.argv` names, and exit.

    Status 0: done; 1: it failed; 2: the config or the command line is wrong.
    """
    # Not at the top: whoever imports one command of this room should not load click's group and the rest.
    from bridge.cli.app import popbridge

    popbridge(prog_name="popbridge")
