BOUNDS = ("A0", "B")


def objections(*_args):
    return []
