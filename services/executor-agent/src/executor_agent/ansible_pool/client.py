"""Stands where `ansible-playbook` would: hands its arguments, folder, environment and terminal to the pool's server.

usage: python -I -S client.py SOCKET ANSIBLE_PLAYBOOK ARGUMENT...
Started once per stage, so it imports nothing but built-in modules (11 ms; `import socket` and `json` would double it).
Never runs anything twice: once the request is sent, the only way out is the answer; it becomes the plain
ansible-playbook only when the server could not be reached or said, before starting, that it will not serve.
"""

import _socket
import posix
import sys

SERVED, UNFIT = b"R", b"U"
TOKEN = "MEND_DOOR"  # noqa: S105 - what opens the server; taken out of the environment before a playbook begins
LOST = 254  # the server died under us: unknown how far the run came


def main(socket_path: str, plain: str, arguments: "list[str]") -> int:
    parts = [str(len(arguments)).encode(), *(a.encode("utf-8", "surrogateescape") for a in arguments), posix.getcwdb()]
    parts += [key + b"=" + value for key, value in posix.environ.items()]
    body = b"\0".join(parts)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(socket_path)
    except OSError:
        return become(plain, arguments)
    descriptors = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
    try:
        connection.sendmsg([len(body).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
        connection.sendall(body)
        answer = b""
        while len(answer) < 2 and (more := connection.recv(2 - len(answer))):
            answer += more
    except OSError:
        return LOST
    if answer[:1] == UNFIT:
        return become(plain, arguments)
    return answer[1] if len(answer) == 2 and answer[:1] == SERVED else LOST


def become(plain: str, arguments: "list[str]") -> int:
    """The slow road: this process dies with its parent, and so does what it starts."""
    import ctypes  # only here: it costs more than all the rest

    posix.umask(0o022)  # as in the server
    libc = ctypes.CDLL(None)
    libc.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    if libc.unshare(0x20000000) == 0:  # CLONE_NEWPID: all of it ends with its first process
        child = posix.fork()
        if child:
            return posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1]) & 0xFF
        libc.prctl(1, 9, 0, 0, 0)
    environment = {name: value for name, value in posix.environ.items() if name != TOKEN.encode()}
    walls = __file__.rsplit("/", 2)[0] + "/isolation/walls.py"
    posix.execve(sys.executable, [sys.executable, "-I", walls, plain, *arguments], environment)
    return 127


if __name__ == "__main__":
    posix._exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
