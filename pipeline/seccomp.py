"""No network, no other programs, no other processes: a filter in the kernel over the calls a worker may make of it.

What PyMuPDF, Tesseract and numpy never need is answered with EPERM, not with death, so that what hit it can be read.
It is a list of what is denied: the calls a C library makes for itself differ from release to release, and a worker that
can't start reads nothing. Calls newer than this list don't exist for a worker (ENOSYS), and neither does `clone3`,
whose flags a filter can't see: the C library then takes `clone`, of which only new threads pass.

Installed with ctypes, because the rule is forty lines and a package for it would need a compiler or libseccomp.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

__all__ = ["available", "program", "restrict"]

# name: number on x86_64, on aarch64 (asm/unistd_64.h, asm-generic/unistd.h); 0: it has none there
_DENIED = """
socket 41 198, socketpair 53 199, connect 42 203, bind 49 200, listen 50 201, accept 43 202, accept4 288 242,
sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, sendmmsg 307 269, recvmmsg 299 243,
execve 59 221, execveat 322 281, fork 57 0, vfork 58 0, setsid 112 157, setpgid 109 154,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272, process_madvise 440 440,
process_mrelease 448 448, pidfd_open 434 434, pidfd_getfd 438 438, pidfd_send_signal 424 424, tkill 200 130,
rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, perf_event_open 298 241,
bpf 321 280, userfaultfd 323 282, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
keyctl 250 219, add_key 248 217, request_key 249 218,
mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, open_tree 428 428, move_mount 429 429, fsopen 430 430,
fsconfig 431 431, fsmount 432 432, fspick 433 433, mount_setattr 442 442, unshare 272 97, setns 308 268,
name_to_handle_at 303 264, open_by_handle_at 304 265, mknod 133 0, mknodat 259 33, fanotify_init 300 262,
swapon 167 224, swapoff 168 225, quotactl 179 60, quotactl_fd 443 443,
init_module 175 105, finit_module 313 273, delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294,
reboot 169 142, sethostname 170 161, setdomainname 171 162, acct 163 89, personality 135 92, syslog 103 116,
settimeofday 164 170, clock_settime 227 112, clock_adjtime 305 266, adjtimex 159 171, ioperm 173 0, iopl 172 0,
modify_ldt 154 0, uselib 134 0, vhangup 153 58,
setuid 105 146, setgid 106 144, setreuid 113 145, setregid 114 143, setresuid 117 147, setresgid 119 149,
setgroups 116 159, setfsuid 122 151, setfsgid 123 152, capset 126 91, setrlimit 160 164,
shmget 29 194, semget 64 190, msgget 68 186, mq_open 240 180, memfd_create 319 279, memfd_secret 447 447
"""
_LOOKED_INTO = {"clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131),
                "prctl": (157, 167), "prlimit64": (302, 261), "ioctl": (16, 29)}  # fmt: skip
NEWEST = 450  # numbers from here on are the same everywhere, and nothing that reads a page needs them
X32 = 0x40000000  # on x86_64: a second table of the same calls under other numbers

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH_* (linux/audit.h)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38  # linux/prctl.h
SECCOMP_MODE_FILTER = 2
CLONE_THREAD = 0x00010000
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into somebody's terminal

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
DENY, UNKNOWN = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""struct sock_filter: code, jump if true, jump if false, operand."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def available() -> bool:
    """Whether this kernel takes such a filter, and the calls of this machine are known here."""
    known = sys.platform == "linux" and sys.maxsize > 2**32 and platform.machine() in ARCHITECTURES
    # PR_GET_SECCOMP (21) answers EINVAL where the kernel was built without it
    return known and ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) >= 0


def restrict() -> None:
    """Install the filter over this thread and all that it starts, for good. `OSError` where the kernel refuses."""
    packed = b"".join(struct.pack("=HBBI", *one) for one in program(platform.machine(), os.getpid()))
    libc = ctypes.CDLL(None, use_errno=True)
    filters = _Program(len(packed) // 8, packed)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of calls")


def program(machine: str, pid: int) -> list[Instruction]:
    """The filter for a process of this number on this kind of machine."""
    column, audited = ARCHITECTURES[machine]
    numbers = {name: both[column] for name, both in _LOOKED_INTO.items()}
    rules: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, audited),
        (ANSWER, 0, 0, DENY),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        rules += _answered(AT_LEAST, X32, DENY)
    rules += _answered(AT_LEAST, NEWEST, UNKNOWN)
    for denied in _denied(column):
        rules += _answered(EQUAL, denied, DENY)
    rules += _answered(EQUAL, numbers["clone3"], UNKNOWN)
    rules += _looked_into(numbers["clone"], _argument(0), [(ANY_BIT, 0, 1, CLONE_THREAD), *_ends(ALLOW, DENY)])
    for name in ("kill", "tgkill"):  # to itself alone: how a C library aborts
        rules += _looked_into(numbers[name], _argument(0), [(EQUAL, 0, 1, pid), *_ends(ALLOW, DENY)])
    rules += _looked_into(numbers["prctl"], _argument(0), _unless(PR_SET_PDEATHSIG, PR_SET_DUMPABLE))
    rules += _looked_into(numbers["ioctl"], _argument(1), _unless(*TERMINAL_INPUT))
    low, high = _argument(2), _argument(2) + 4  # a pointer to new limits; null asks for those that are
    both_null = [(EQUAL, 0, 3, 0), (LOAD, 0, 0, high), (EQUAL, 0, 1, 0), *_ends(ALLOW, DENY)]
    rules += _looked_into(numbers["prlimit64"], low, both_null)
    return [*rules, (ANSWER, 0, 0, ALLOW)]


def _denied(column: int) -> list[int]:
    entries = (entry.split() for entry in _DENIED.replace("\n", " ").split(","))
    return [int(numbers[column]) for _, *numbers in entries if int(numbers[column])]


def _argument(index: int) -> int:
    """Offset of the lower half of an argument."""
    return 16 + 8 * index


def _answered(test: int, operand: int, answer: int) -> list[Instruction]:
    return [(test, 0, 1, operand), (ANSWER, 0, 0, answer)]


def _looked_into(number: int, offset: int, rules: list[Instruction]) -> list[Instruction]:
    """Rules for one call that see this argument; each way through them ends with an answer."""
    return [(EQUAL, 0, len(rules) + 1, number), (LOAD, 0, 0, offset), *rules]


def _unless(*denied: int) -> list[Instruction]:
    return [*(rule for each in denied for rule in _answered(EQUAL, each, DENY)), (ANSWER, 0, 0, ALLOW)]


def _ends(true: int, false: int) -> list[Instruction]:
    return [(ANSWER, 0, 0, true), (ANSWER, 0, 0, false)]
