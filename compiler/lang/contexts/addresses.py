"""SockAddr: the address a process gave to a system call, or is about to be told (struct bpf_sock_addr)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Rights, names
from pybpf.compiler.lang.helpers.of_socket_programs import SockAddrMethods
from pybpf.compiler.lang.integers import be16, be32, u32
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.objects import Socket

_IP6 = names("ip6_0", "ip6_1", "ip6_2", "ip6_3")
_SOURCE_IP6 = names("source_ip6_0", "source_ip6_1", "source_ip6_2", "source_ip6_3")
_SOURCE = _SOURCE_IP6 | names("source_ip4")
_WITH_4 = Rights(hidden=_IP6 | _SOURCE, writable=names("ip4", "port"))
_WITH_6 = Rights(hidden=_SOURCE | names("ip4"), writable=_IP6 | names("port"))
# the address of a Unix socket is a path, which these fields do not reach; the kernel would give bytes of it as a port
_WITH_PATH = Rights(hidden=_IP6 | _SOURCE | names("ip4", "port"))
_HOOKS = ("connect", "recvmsg", "getpeername", "getsockname")


class SockAddr(SockAddrMethods, symbol="bpf_sock_addr"):
    """The address in `ip4` or `ip6` and `port`; which of them are there depends on the hook (see the rows below)."""

    given_family: Annotated[int, At(0, u32, "user_family")]  # as the process wrote it
    ip4: Annotated[int, At(4, be32, "user_ip4")]
    ip6_0: Annotated[int, At(8, be32, "user_ip6[0]")]
    ip6_1: Annotated[int, At(12, be32, "user_ip6[1]")]
    ip6_2: Annotated[int, At(16, be32, "user_ip6[2]")]
    ip6_3: Annotated[int, At(20, be32, "user_ip6[3]")]
    port: Annotated[int, At(24, be16, "user_port", loads=u32)]
    family: Annotated[int, At(28, u32)]  # of the socket
    type: Annotated[int, At(32, u32)]
    protocol: Annotated[int, At(36, u32)]
    source_ip4: Annotated[int, At(40, be32, "msg_src_ip4")]
    source_ip6_0: Annotated[int, At(44, be32, "msg_src_ip6[0]")]
    source_ip6_1: Annotated[int, At(48, be32, "msg_src_ip6[1]")]
    source_ip6_2: Annotated[int, At(52, be32, "msg_src_ip6[2]")]
    source_ip6_3: Annotated[int, At(56, be32, "msg_src_ip6[3]")]
    socket: Annotated[Socket | None, At(64, Socket, "sk")]

    rights: ClassVar = {ProgramType.CGROUP_SOCK_ADDR: _WITH_PATH}
    section_rights: ClassVar = {
        **{f"cgroup/{hook}4": _WITH_4 for hook in ("bind", *_HOOKS)},
        **{f"cgroup/{hook}6": _WITH_6 for hook in ("bind", *_HOOKS)},
        **{f"cgroup/{hook}_unix": _WITH_PATH for hook in ("sendmsg", *_HOOKS)},
        "cgroup/sendmsg4": Rights(hidden=_IP6 | _SOURCE_IP6, writable=names("ip4", "port", "source_ip4")),
        "cgroup/sendmsg6": Rights(hidden=names("ip4", "source_ip4"), writable=_IP6 | _SOURCE_IP6 | names("port")),
    }
