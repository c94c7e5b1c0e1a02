# SPDX-License-Identifier: Apache-2.0
"""What passes between the host, the zygote and an answer's process.

Control socket (host <-> zygote): records of fixed size, see RECORD.
Job socket (host <-> answer), one pair per answer:
    to the answer    nonce (16 bytes), payload length (4 bytes, little endian), JSON request
    from the answer  the same nonce, payload length, JSON response; then nothing more
"""

import struct

# kind, cause, slot, wait status or feature bits, CPU time in microseconds
RECORD = struct.Struct("<BBxxiiQ")
HEADER = struct.Struct("<16sI")

START, KILL, READY, EXITED = 1, 2, 3, 4  # kinds

BY_ITSELF, CPU_LIMIT, WALL_LIMIT, ON_REQUEST, NOT_STARTED = 0, 1, 2, 3, 4  # causes

FILTER = 1  # a system-call filter binds each answer
JOB_PID_NAMESPACE = 2  # each answer is process 1 of a namespace of its own
EMPTY_ROOT = 4  # the answer's root directory is empty
OWN_UID = 8  # each answer runs under a user id that nothing else has
NO_NETWORK = 16  # the network namespace has no interface that is up
OWN_USER_NAMESPACE = 32  # each answer has a user namespace of its own, so its processes are counted

MOST_CELLS = 64  # answers at the same time
RESPONSE_OVERHEAD_BYTES = 1024  # what a response may be larger than the outputs' own limit
