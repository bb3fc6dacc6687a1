"""Plays systemd's end of the notify socket: each message as a line of JSON on standard output, until killed."""
import json
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
listener.bind(sys.argv[1])
print(json.dumps(["LISTENING=1"]), flush=True)
while True:
    data, ancillary, _, _ = listener.recvmsg(65536, socket.CMSG_SPACE(256))
    # A message may carry a file descriptor; closing it says that all before it has been taken (sd_notify_barrier).
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for start in range(0, len(content) // 4 * 4, 4):
                os.close(int.from_bytes(content[start : start + 4], sys.byteorder))
    print(json.dumps(data.decode().split("\n")), flush=True)
