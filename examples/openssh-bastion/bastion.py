#!/usr/bin/env python3
"""A real bastion for every paid order: an OpenSSH jump host that Turnkey's `command` driver makes.

Turnkey runs this program once for each operation, with JSON on standard input, and takes JSON from
its standard output. Every instance is an sshd of its own, from the distribution's `openssh-server`:
its folder, host key, port and key pair, and a policy that follows from the plan.

THE SECOND ASK MUST REPEAT THE FIRST ANSWER, also at the same time, and also after the sshd died:
whatever is asked, `Bastion.work` waits for its turn, writes down what is wanted unless this
operation is known already, and then `converge` makes it so.

Needs Python 3.9 or newer, Linux and `openssh-server`; no root.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

DONE, FAILED, NO, NOT_YET = 0, 1, 65, 75  # how Turnkey reads the exit

TURN_WAIT_S = 20  # for the lock of an instance: less than Turnkey gives one run
START_WAIT_S = 10  # until an sshd listens; it takes some milliseconds
END_WAIT_S = 5  # for processes to end when they are told to, before they are made to
POLL_S = 0.02
OPERATIONS_KEPT = 1000  # of one instance; Turnkey asks again within days, not after so many
SESSIONS_MAX = 1000
PERMIT_OPEN_MAX = 100

NOTICE = "echo This is a jump host without a shell: go through it with ssh -J"

# What a plan's params may say, and what holds where they do not.
PARAMS = {"permit_open": [], "sessions": 10, "command": NOTICE}

SSHD_CONFIG = """\
ListenAddress {address}:{port}
PidFile {pid_file}
HostKey {folder}/host_key
AllowUsers {user}
AuthenticationMethods publickey
AuthorizedKeysFile none
AuthorizedKeysCommand /bin/sh {folder}/place.sh {folder} {name} {sessions} %k
AuthorizedKeysCommandUser {user}
UsePAM no
LoginGraceTime 20
ClientAliveInterval 60
ClientAliveCountMax 3
# Through it and nowhere else: no shell, no terminal, no way back.
AllowTcpForwarding {forwarding}
PermitOpen {permit_open}
PermitListen none
AllowStreamLocalForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
PermitTTY no
PermitUserRC no
ForceCommand {command}
# The session log says who came, and where they went.
LogLevel INFO
LogVerbose sshd*:privsep_postauth():*,serverloop.c:server_request_direct_tcpip():*
"""

# Since OpenSSH 9.8 other programs serve a session; with 10.0 there is one more.
HELPERS = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}

# sshd has no limit for sessions of its own: it asks this program for the key of whoever logs in.
PLACE = """\
# Prints the buyer's key while the plan has a place left. A place is a file that is named after the
# process of a connection; it is free again when that process is gone.
folder=$1 name=$2 sessions=$3 offered=$4
read -r type key _ <"$folder/client_key.pub"
[ "$offered" = "$key" ] || exit 0
exec 9>"$folder/places.lock"
flock -w 10 9 || exit 0
taken=0
for place in "$folder"/places/*; do
    [ "$place" = "$folder/places/$PPID" ] && continue
    case $(tr '\\0' ' ' 2>/dev/null <"/proc/${place##*/}/cmdline") in
    "$name: "*) taken=$((taken + 1)) ;;
    *) rm -f "$place" ;;
    esac
done
if [ "$taken" -ge "$sessions" ]; then
    echo "$(date -u +%FT%TZ) refused: all $sessions sessions are taken" >>"$folder/sessions.log"
    exit 0
fi
: >"$folder/places/$PPID"
echo "$type $key"
"""

# What sshd says, with the time. Ends with the last process of the sshd that it listens to. When the
# log is long it is begun anew, and the one before is kept.
STAMP = """\
lines=$(wc -l <"$1")
while IFS= read -r line; do
    echo "$(date -u +%FT%TZ) $line" >>"$1"
    lines=$((lines + 1))
    [ "$lines" -lt 100000 ] || { mv "$1" "$1.1"; lines=0; }
done
"""


class Failed(Exception):
    """It did not work this time: for the operator, and Turnkey asks again."""


class No(Exception):
    """It will never work: for the marketplace."""


class NotYet(Exception):
    """Another ask is at work."""


class Site:
    """Where the bastions are: their folders, the ports that they may have, and whose they are."""

    def __init__(self, arguments):
        self.state = os.path.realpath(arguments.state)
        self.address = arguments.address
        self.user = become(arguments.user, self.state)
        if not re.fullmatch(r"[A-Za-z0-9_./-]+", self.state):
            raise Failed(f"{self.state}: sshd wants a folder with a plainer name")
        ports = re.fullmatch(r"(\d{1,5})-(\d{1,5})", arguments.ports)
        if not ports or not 0 < int(ports[1]) <= int(ports[2]) < 65536:
            raise Failed(f"--ports {arguments.ports}: two ports are wanted, such as 22000-22999")
        self.ports = range(int(ports[1]), int(ports[2]) + 1)
        self.sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
        if self.sshd is None or shutil.which("ssh-keygen") is None:
            raise Failed("there is no sshd: install openssh-server and openssh-client")
        programs = {name: f"/usr/lib/openssh/{program}" for name, program in HELPERS.items()}
        self.helpers = {name: path for name, path in programs.items() if os.path.exists(path)}
        for folder in ("instances", "locks", "ports"):
            os.makedirs(os.path.join(self.state, folder), exist_ok=True)

    def port_of(self, instance):
        """The port that is kept for the instance, or a new one. The link is the reservation: it is
        made whole or not at all, and only once."""
        kept = os.path.join(self.state, "ports")
        for name in os.listdir(kept):
            if os.readlink(os.path.join(kept, name)) == instance:
                return int(name)
        for port in self.free_ports():
            with contextlib.suppress(FileExistsError):
                os.symlink(instance, os.path.join(kept, str(port)))
                return port
        raise Failed(f"no port is free from {self.ports[0]} to {self.ports[-1]}")

    def free_ports(self):
        for port in self.ports:
            if os.path.lexists(os.path.join(self.state, "ports", str(port))):
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind((self.address, port))
                    yield port

    def forget_port_of(self, instance):
        kept = os.path.join(self.state, "ports")
        for name in os.listdir(kept):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(os.path.join(kept, name)) == instance:
                    os.unlink(os.path.join(kept, name))

    def bastions(self):
        names = sorted(os.listdir(os.path.join(self.state, "instances")))
        return [Bastion(self, name) for name in names if "." not in name]


class Bastion:
    """One instance: its folder, and the sshd that runs from it."""

    def __init__(self, site, instance):
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", instance):
            raise No(f"{instance!r} cannot be the name of a bastion")
        self.site, self.id = site, instance
        self.folder = os.path.join(site.state, "instances", instance)
        # Its name is what `ps` shows of every process that sshd makes: so none is overlooked, not
        # even one whose sshd died, and none of another bastion is touched.
        place = hashlib.sha256(self.folder.encode()).hexdigest()
        self.name = f"{instance}.{place[:8]}"
        self.program = os.path.join(self.folder, self.name)
        self.pid_file = os.path.join(self.folder, "pid")

    def work(self, ask):
        """Does what is asked, once, and answers, each time the same."""
        kind, operation = ask["kind"], ask["operation"]
        params = params_of(ask)
        if ask.get("dry_run"):
            if kind == "provision" and next(self.site.free_ports(), None) is None:
                raise Failed("no port is free")
            return {}
        with self.turn() as turn:
            is_released = turn.read() != ""
            kept = None if is_released else self.load()
            if kind == "release":
                self.remove()
                turn.truncate(0)
                turn.write("released\n")
                return {}
            if is_released:
                raise No(f"bastion {self.id} was released")
            if kind == "provision" and kept is None:
                self.make(operation, params, ask)
                kept = self.load()
            if kept is None:
                raise No(f"there is no bastion {self.id}")
            if kind == "provision" and kept["made_by"] != operation:
                raise No(f"bastion {self.id} was made by another operation")
            if operation not in kept["operations"]:
                self.note(kept, kind, params, ask)
                kept["operations"] = [*kept["operations"], operation][-OPERATIONS_KEPT:]
                self.save(self.folder, kept)
            self.converge(kept)
            return self.access(kept) if kind == "provision" else {}

    def note(self, kept, kind, params, ask):
        """Writes down what is wanted from now on."""
        if kind == "renew":
            kept["ends_at"] = ask["instance"]["term"]["ends_at"]
        elif kind == "change_plan":
            kept["params"] = params
        elif kind in ("suspend", "resume"):
            kept["is_running"] = kind == "resume"
        else:
            raise No(f"nobody here can {kind}")

    def converge(self, kept):
        """Makes what is wanted so, whatever it was before."""
        config, file = self.config(kept), os.path.join(self.folder, "sshd_config")
        if not kept["is_running"]:
            end(self.listeners)  # first whoever lets in, so that nobody comes meanwhile
            end(self.processes)
            return
        lives = self.listeners
        if not self.listeners() or text_of(file) != config:
            # Sessions that there are go on: a new plan throws nobody out.
            end(self.listeners)
            write(file, config)
            sshd = self.start(file)
            lives = lambda: sshd.poll() is None
        # sshd writes it once it listens.
        there = lambda: os.path.exists(self.pid_file)
        until(START_WAIT_S, lambda: there() or not lives())
        if not there():
            end(self.listeners)
            raise Failed(f"the sshd of {self.id} does not listen; see its sessions.log")

    def start(self, config):
        """Starts the sshd, in a session of its own: Turnkey ends this program's group when it is
        through. Nothing of this program stays open in it."""
        check = subprocess.run([self.site.sshd, "-t", "-f", config], capture_output=True, text=True)
        if check.returncode != 0:
            raise Failed(f"sshd does not take {config}: {check.stderr.strip()}")
        self.link()
        log = os.path.join(self.folder, "sessions.log")
        with open(log, "a"):
            pass
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.pid_file)
        reader, writer = os.pipe()
        away = {"start_new_session": True, "cwd": "/", "env": {"PATH": "/usr/bin:/bin"}}
        away.update(stdout=subprocess.DEVNULL)
        # First whoever writes the log down: an sshd must not speak into a pipe that nobody reads.
        stamp = ["/bin/sh", "-c", STAMP, "sh", log]
        subprocess.Popen(stamp, stdin=reader, stderr=subprocess.DEVNULL, **away)
        sshd = [self.program, "-D", "-e", "-f", config]
        started = subprocess.Popen(sshd, stdin=subprocess.DEVNULL, stderr=writer, **away)
        os.close(reader)
        os.close(writer)
        return started

    def link(self):
        """Gives the system's programs the name of this bastion."""
        links = {self.program: self.site.sshd}
        for helper, program in self.site.helpers.items():
            links[self.helper(helper)] = program
        for link, program in links.items():
            os.makedirs(os.path.dirname(link), exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.symlink(program, link)

    def helper(self, name):
        return os.path.join(self.folder, name, self.name)

    def make(self, operation, params, ask):
        """Makes the folder, whole or not at all."""
        new = self.folder + ".new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(os.path.join(new, "places"))
        for key in ("host_key", "client_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.id]
            made = subprocess.run([*keygen, "-f", f"{new}/{key}"], capture_output=True, text=True)
            if made.returncode != 0:
                raise Failed(f"ssh-keygen made no {key}: {made.stderr.strip()}")
        write(os.path.join(new, "place.sh"), PLACE)
        kept = {
            "made_by": operation,
            "port": self.site.port_of(self.id),
            "params": params,
            "ends_at": ask["instance"]["term"]["ends_at"],
            "is_running": True,
            "operations": [operation],
        }
        self.save(new, kept)
        for name in ("host_key", "host_key.pub", "client_key", "client_key.pub", "."):
            sync(os.path.join(new, name))
        os.rename(new, self.folder)
        sync(os.path.dirname(self.folder))

    def remove(self):
        end(self.listeners)
        end(self.processes)
        # What still writes to the log finds no folder: so nothing comes into it meanwhile.
        gone = self.folder + ".gone"
        shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.folder, gone)
        for folder in (gone, self.folder + ".new"):
            shutil.rmtree(folder, ignore_errors=True)
        self.site.forget_port_of(self.id)

    def config(self, kept):
        params = kept["params"]
        helpers = "".join(f"{name} {self.helper(name)}\n" for name in self.site.helpers)
        return helpers + SSHD_CONFIG.format(
            address=self.site.address,
            port=kept["port"],
            folder=self.folder,
            pid_file=self.pid_file,
            name=self.name,
            user=self.site.user,
            sessions=params["sessions"],
            forwarding="local" if params["permit_open"] else "no",
            permit_open=" ".join(params["permit_open"]) or "none",
            command=params["command"],
        )

    def access(self, kept):
        """What the buyer gets. There is no password: only root can give an account one."""
        user, address, port = self.site.user, self.site.address, kept["port"]
        kind, key, *_ = text_of(os.path.join(self.folder, "host_key.pub")).split()
        return {
            "front_end": {"url": f"ssh://{user}@{address}:{port}", "username": user},
            "extra": {
                "private_key": text_of(os.path.join(self.folder, "client_key")),
                "known_hosts": f"[{address}]:{port} {kind} {key}\n",
                "jump": f"{user}@{address}:{port}",
            },
        }

    @contextlib.contextmanager
    def turn(self):
        """One ask after the other. The file stays when the bastion is gone, and says so: an answer
        that comes late brings nothing back."""
        with open(os.path.join(self.site.state, "locks", self.id), "a+") as file:

            def locked():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return True
                return False

            if not until(TURN_WAIT_S, locked):
                raise NotYet(f"another ask is at work on {self.id}")
            file.seek(0)
            yield file

    def load(self):
        file = os.path.join(self.folder, "bastion.json")
        return json.loads(text_of(file)) if os.path.exists(file) else None

    def save(self, folder, kept):
        write(os.path.join(folder, "bastion.json"), json.dumps(kept, indent=1))

    def processes(self):
        """Every process of this sshd: whoever listens and whoever serves a session."""
        return [pid for pid, _ in self.titles()]

    def listeners(self):
        """The sshd that lets in. sshd gives whoever serves a session a title of its own, and
        starts it with -R."""
        return [pid for pid, title in self.titles() if self.program in title and "-R" not in title]

    def titles(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    title = file.read().decode("utf-8", "replace").split("\0")
                own = title[0] == self.program or title[0].startswith(f"{self.name}: ")
                if own and os.stat(f"/proc/{pid}").st_uid == os.getuid():
                    words = [word for part in title for word in part.split()]
                    found.append((int(pid), words))
        return found


def params_of(ask):
    """The plan's params, checked. What is wrong with them the operator can repair: so it is no
    final no."""
    given = ask["instance"]["params"]
    unknown = sorted(set(given) - set(PARAMS))
    if unknown:
        raise Failed(f"plan {ask['instance']['plan']}: nobody here knows {', '.join(unknown)}")
    params = {**PARAMS, **given}
    sessions, permit_open, command = params["sessions"], params["permit_open"], params["command"]
    if not (type(sessions) is int and 1 <= sessions <= SESSIONS_MAX):
        raise Failed(f"sessions {sessions!r}: a number from 1 to {SESSIONS_MAX} is wanted")
    if not (isinstance(permit_open, list) and len(permit_open) <= PERMIT_OPEN_MAX):
        raise Failed(f"permit_open: a list of at most {PERMIT_OPEN_MAX} is wanted")
    host_and_port = r"(\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\*|[0-9]{1,5})"
    for place in permit_open:
        if not (isinstance(place, str) and re.fullmatch(host_and_port, place)):
            raise Failed(f"permit_open {place!r}: host:port is wanted, such as 127.0.0.1:*")
    if not (isinstance(command, str) and re.fullmatch(r"[ -~]{1,1000}", command)):
        raise Failed("command: one line of ASCII is wanted")
    return params


def become(user, state):
    """The name of the account that everything runs as: never root."""
    own = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() != 0:
        if user not in (None, own):
            raise Failed(f"only root can become {user}")
        return own
    if user is None:
        raise Failed("as root, say with --user who the bastions belong to: they never run as root")
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise Failed(f"there is no account {user}") from None
    if account.pw_uid == 0:
        raise Failed(f"{user} is root: the bastions never run as root")
    os.makedirs(state, exist_ok=True)
    os.chown(state, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    return user


def end(processes):
    """Ends them all: asked first, then made to."""
    for sign in (signal.SIGTERM, signal.SIGKILL):

        def ended():
            left = processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
            return not left

        if until(END_WAIT_S, ended):
            return
    raise Failed(f"these processes do not end: {processes()}")


def until(seconds, condition):
    """Whether the condition comes true in time."""
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(POLL_S)
    return True


def text_of(file):
    try:
        with open(file) as found:
            return found.read()
    except FileNotFoundError:
        return ""


def write(file, text):
    """Writes the file, whole or not at all."""
    with open(file + ".tmp", "w") as new:
        new.write(text)
    sync(file + ".tmp")
    os.rename(file + ".tmp", file)
    sync(os.path.dirname(file))


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main():
    parse = argparse.ArgumentParser(description="Makes OpenSSH jump hosts; Turnkey runs it.")
    parse.add_argument("--state", default="bastions", help="the folder that they are in")
    parse.add_argument("--ports", default="22000-22999", help="the ports that they may have")
    parse.add_argument("--address", default="127.0.0.1", help="where they listen")
    parse.add_argument("--user", help="started as root: who they belong to")
    parse.add_argument("--start", action="store_true", help="after a reboot: start those that ran")
    arguments = parse.parse_args()
    os.umask(0o077)
    try:
        site = Site(arguments)
        if arguments.start:
            for bastion in site.bastions():
                with bastion.turn():
                    kept = bastion.load()
                    if kept is not None:
                        bastion.converge(kept)
            return DONE
        ask = json.load(sys.stdin)
        print(json.dumps({"access": Bastion(site, ask["instance"]["id"]).work(ask)}))
        return DONE
    except No as no:
        print(json.dumps({"message": str(no)}))
        return NO
    except NotYet as reason:
        print(reason, file=sys.stderr)
        return NOT_YET
    except Failed as failure:
        print(failure, file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
