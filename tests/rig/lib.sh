# Settings and process helpers of the rig; sourced by install, up, down, ctl and cloudd.
# shellcheck shell=bash disable=SC2034

# --- settings: whatever is set in the environment wins -------------------------------------------------------------
: "${RIG_BOOT_DELAY:=2}"        # seconds between ResumeProgram and the cloud node's slurmd
: "${RIG_SUSPEND_TIME:=60}"     # idle seconds before a cloud node powers down
: "${RIG_SUSPEND_TIMEOUT:=10}"
: "${RIG_RESUME_TIMEOUT:=60}"
: "${RIG_MINJOBAGE:=300}"       # seconds that finished jobs stay in squeue
: "${RIG_EXTRA_CLOUD:=0}"       # N more powered-down cloud nodes, in a partition `bigq`
: "${RIG_EVENTS:=200}"          # log events in each stream of the head node
: "${RIG_SSHD_EXTRA:=}"         # another line for sshd_config, such as "MaxSessions 3"
RIG_USER=ec2-user               # who `rig` logs in as
RIG_USER2=alice                 # somebody else, for other people's jobs
RIG_HEAD=ip-10-0-0-14           # what the head node calls itself
RIG_CLUSTER=demo
RIG_REGION=eu-west-1
RIG_HEAD_PUBLIC_IP=203.0.113.14 # an address of documentation's (RFC 5737): nobody has it, and ssh_config leads it to the rig
MOTO='moto[server,all]==5.2.5'

RIG_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RIG_VENV=${XDG_CACHE_HOME:-$HOME/.cache}/qdeck/rig/venv
RIG_TORQUE=${XDG_CACHE_HOME:-$HOME/.cache}/qdeck/rig/torque # Slurm's Torque wrappers
RIG_PCLUSTER=${XDG_CACHE_HOME:-$HOME/.cache}/qdeck/rig/pcluster # the real pcluster, and the aws program of a head node
RIG_GE=${XDG_CACHE_HOME:-$HOME/.cache}/qdeck/rig/gridengine
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# Every node has an address of its own in 127.0.0.0/8: NodeAddr and EC2's PrivateIpAddress are the same, as on AWS.
HEAD_ADDR=127.0.10.14
LOGIN_ADDR=127.0.10.15
TORQUE_ADDR=127.0.10.16 # the head node as one that has the Torque wrappers on its PATH
CODES_ADDR=127.0.10.17  # the head node as one that asks for a password and a one-time code
STATIC="compute-st-c5large-1 compute-st-c5large-2 gpu-st-p4d-1"
CLOUD="compute-dy-c5large-1 compute-dy-c5large-2 compute-dy-c5large-3 compute-dy-c5large-4 gpu-dy-p4d-1 gpu-dy-p4d-2"
addr_of() { # NODE
  case $1 in
    compute-st-*) echo "127.0.10.2${1##*-}" ;;
    compute-dy-*) echo "127.0.10.3${1##*-}" ;;
    gpu-st-*)     echo "127.0.10.4${1##*-}" ;;
    gpu-dy-*)     echo "127.0.10.5${1##*-}" ;;
    bigq-*)       local n=${1##*-}; echo "127.0.$((100 + n / 250)).$((n % 250 + 1))" ;;
  esac
}

# --- which rig: RIG_STATE, or the folder of the env file that QDECK_RIG_ENV names -----------------------------------
[ -n "${RIG_STATE:-}" ] || { [ -z "${QDECK_RIG_ENV:-}" ] || RIG_STATE=$(dirname "$QDECK_RIG_ENV"); }

# Ports of a running rig are in its env file; `up` chooses them when there is none.
use_ports() { # BASE
  RIG_BASE=$1
  P_SSH=$RIG_BASE P_SLOW=$((RIG_BASE + 1)) P_CTLD=$((RIG_BASE + 2)) P_NODE=$((RIG_BASE + 3)) P_MOTO=$((RIG_BASE + 4)) P_CTL=$((RIG_BASE + 5))
  P_DBD=$((RIG_BASE + 6)) P_GE_EXECD=$((RIG_BASE + 7)) P_GE_QMASTER=$((RIG_BASE + 8)) P_GE_SSH=$((RIG_BASE + 9))
}
use_state() {
  [ -n "${RIG_STATE:-}" ] || { echo "RIG_STATE is not set: which rig?" >&2; exit 2; }
  [ -d "$RIG_STATE" ] || { echo "$RIG_STATE: no such rig" >&2; exit 2; }
  export RIG_STATE
  S=$RIG_STATE
  export SLURM_CONF=$S/etc/slurm.conf
  # Settings of the time of `up` (boot delay and so on) hold for as long as the rig lives.
  if [ -e "$S/run/settings" ]; then . "$S/run/settings"; use_ports "$RIG_BASE"; fi
}

# --- processes ------------------------------------------------------------------------------------------------------
RIG_T0=${RIG_T0:-$(date +%s%N)}
log() { local t=$(( ($(date +%s%N) - RIG_T0) / 10000000 )); printf '%3d.%02d %s\n' $((t / 100)) $((t % 100)) "$*" >&2; }

# All of the rig lives in one mount namespace, held open by a sleeping process. In it /etc/hosts knows the nodes, and the
# users' homes, /run and /dev/shm are the rig's own. It is also how `down` finds every process, whatever that process
# did to its environment, parent or name: sshd's sessions and Slurm's job steps included.
ns_pid() { cat "$S/run/ns.pid" 2>/dev/null; }
ns_start() {
  alive ns && return
  setsid unshare --mount --propagation private -- "$RIG_DIR/ns-init" "$S" "$RIG_USER" "$RIG_USER2" </dev/null >"$S/log/ns.out" 2>&1 &
  remember ns $!
  wait_for 5 test -e "$S/run/ns.ready" || { cat "$S/log/ns.out" >&2; return 1; }
}
mine() { # every process of the rig but the namespace's holder
  local holder want; holder=$(ns_pid); want=$(readlink "/proc/$holder/ns/mnt") || return 0
  # want is mnt:[NUMBER]; ? keeps -lname from taking the brackets for a set
  find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/mnt' -lname "${want//[\[\]]/?}" 2>/dev/null | cut -d/ -f3 | grep -vx "$holder"
}
inside() { nsenter --mount="/proc/$(ns_pid)/ns/mnt" --wd=/ -- "$@"; }

# spawn NAME USER HOSTNAME CMD...: in the background, in the rig's namespace, under a host name. Every step execs, so that
# the process in run/NAME.pid is the daemon.
spawn() {
  local name=$1 user=$2 host=$3 as=(); shift 3
  [ "$user" = root ] || as=(setpriv --reuid "$user" --regid "$(id -gn "$user")" --init-groups --)
  # shellcheck disable=SC2016
  setsid nsenter --mount="/proc/$(ns_pid)/ns/mnt" --wd=/ -- unshare --uts -- \
    sh -c 'hostname "$0"; exec "$@"' "$host" "${as[@]}" "$@" </dev/null >>"$S/log/$name.out" 2>&1 &
  remember "$name" $!
}
# The start time tells a process from a later one of the same number.
remember() { echo "$2" > "$S/run/$1.pid"; started "$2" > "$S/run/$1.start"; }
# Fields after the command's name, which may hold blanks and parentheses: 1 is the state, 20 the start time.
stat_of() { local s; s=$(cat "/proc/$1/stat" 2>/dev/null) && echo "${s##*) }"; }
started() { local f; read -ra f <<< "$(stat_of "$1")"; echo "${f[19]:-}"; }
state_of() { local s; s=$(stat_of "$1"); echo "${s:0:1}"; }
alive() { # NAME
  local p at; p=$(cat "$S/run/$1.pid" 2>/dev/null) && at=$(cat "$S/run/$1.start" 2>/dev/null) && [ -n "$at" ] &&
    [ "$(started "$p")" = "$at" ] && [ "$(state_of "$p")" != Z ] # a process that init has yet to reap is dead
}
dead() { ! alive "$1"; }
stop() { # NAME [SECONDS to end by itself]
  local p; p=$(cat "$S/run/$1.pid" 2>/dev/null) || return 0
  if alive "$1"; then
    kill -CONT "$p" 2>/dev/null; kill "$p" 2>/dev/null
    wait_for "${2:-5}" dead "$1" || { kill -KILL "$p" 2>/dev/null; wait_for 2 dead "$1"; }
  fi
  rm -f "$S/run/$1.pid" "$S/run/$1.start"
}
wait_for() { # SECONDS CMD...
  local n=$(($1 * 50)); shift
  until "$@" >/dev/null 2>&1; do n=$((n - 1)); [ $n -gt 0 ] || return 1; sleep .02; done
}
answers() { # NAME SECONDS PORT [ADDRESS]: wait until it listens; no longer than it lives
  wait_for "$2" eval "dead $1 || port_open $3 ${4:-}"
  port_open "$3" "${4:-}" && return
  log "$1 does not answer; the end of its log:"; tail -3 "$S/log/$1.out" >&2; return 1
}
port_open() { (exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; } # PORT [ADDRESS]

# --- the daemons ----------------------------------------------------------------------------------------------------
start_sshd() {
  alive sshd || spawn sshd root "$RIG_HEAD" /usr/sbin/sshd -D -e -f "$S/etc/sshd_config"
  answers sshd 10 "$P_SSH"
}
# Accounting: MariaDB and slurmdbd, and the account that ParallelCluster makes. /run is the rig's own: so is the database's usual socket.
start_accounting() {
  local sock=/run/mysqld/mysqld.sock
  if dead mariadbd; then
    mkdir -p "$S/mysql/data"; chown -R mysql: "$S/mysql"; chmod 755 "$S/mysql"
    inside mkdir -p /run/mysqld; inside chown mysql: /run/mysqld
    [ -d "$S/mysql/data/mysql" ] || inside setpriv --reuid mysql --regid mysql --init-groups -- mariadb-install-db --no-defaults \
      --datadir="$S/mysql/data" --auth-root-authentication-method=normal --skip-test-db --innodb-log-file-size=16M \
      --innodb-flush-log-at-trx-commit=0 >"$S/log/mariadb-install.out" 2>&1 || { log "mariadb-install-db failed"; return 1; }
    spawn mariadbd mysql "$RIG_HEAD" /usr/sbin/mariadbd --no-defaults --datadir="$S/mysql/data" --socket=$sock \
      --pid-file="$S/mysql/pid" --skip-networking --innodb-buffer-pool-size=64M \
      --innodb-log-file-size=16M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 --performance-schema=OFF --skip-log-bin
  fi
  wait_for 30 inside mariadb-admin --no-defaults -uroot -S $sock ping || { log "mariadbd does not answer"; return 1; }
  inside mariadb --no-defaults -uroot -S $sock -e "create database if not exists slurm;
    create user if not exists slurm@localhost identified by 'slurm'; grant all on slurm.* to slurm@localhost;" || return 1
  cat > "$S/etc/slurmdbd.conf" <<C
AuthType=auth/munge
AuthInfo=socket=$S/munge/s
DbdHost=$RIG_HEAD
DbdAddr=127.0.0.1
DbdPort=$P_DBD
CommunicationParameters=NoInAddrAny
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
LogFile=$S/log/slurmdbd.log
PidFile=$S/ctld/dbd.pid
CommitDelay=1
C
  chmod 600 "$S/etc/slurmdbd.conf"; chown slurm "$S/etc/slurmdbd.conf"; touch "$S/log/slurmdbd.log"; chown slurm "$S/log/slurmdbd.log"
  alive slurmdbd || spawn slurmdbd slurm "$RIG_HEAD" /usr/sbin/slurmdbd -D
  answers slurmdbd 30 "$P_DBD" || return 1
  inside sacctmgr -n show account pcdefault format=account | grep -q pcdefault && return
  inside sacctmgr -i add cluster parallelcluster >/dev/null
  inside sacctmgr -i add account pcdefault Description=default Organization=default >/dev/null
  inside sacctmgr -i add user "$RIG_USER,$RIG_USER2" Account=pcdefault >/dev/null
}
start_slurmctld() {
  alive slurmctld || spawn slurmctld slurm "$RIG_HEAD" /usr/sbin/slurmctld -D -f "$SLURM_CONF"
  wait_for 20 inside scontrol ping || { log "slurmctld does not answer"; return 1; }
}
# Slurm's programs bind to what their host name resolves to (CommunicationParameters), so that nothing is seen outside
# loopback. slurmd must bind to the address of its node, but the job steps under it to 127.0.0.1, because that is the source
# address which the kernel gives their connections and where the answers come back. So slurmd starts under another name.
start_slurmd() { # NODE [OPTION]
  alive "slurmd-$1" && return
  mkdir -p "$S/spool/$1" "$S/tmp/$1"; chmod 1777 "$S/tmp/$1"
  spawn "slurmd-$1" root "addr-$1" /usr/sbin/slurmd -D -N "$1" -f "$SLURM_CONF" ${2:+"$2"}
  answers "slurmd-$1" 10 "$P_NODE" "$(addr_of "$1")" || return 1
  nsenter --uts="/proc/$(cat "$S/run/slurmd-$1.pid")/ns/uts" hostname "$1"
}
start_moto() {
  alive moto || spawn moto root "$RIG_HEAD" env MOTO_PORT="$P_MOTO" "$RIG_VENV/bin/python" "$RIG_DIR/moto_pc.py" \
    --port "$P_MOTO" --control "$P_CTL" --seed "$S/etc/seed.json"
  answers moto 30 "$P_MOTO"
}
start_slowproxy() {
  alive slowproxy || spawn slowproxy root "$RIG_HEAD" /usr/bin/python3 "$RIG_DIR/slowproxy" "$P_SLOW" "$P_SSH" "$S/slow"
  answers slowproxy 10 "$P_SLOW"
}
start_private() {
  alive private || spawn private root login-node "$RIG_DIR/private" "$S/run/private.sock" "$S/etc/login_config" "$LOGIN_ADDR" "$HEAD_ADDR" "$P_SSH" "$P_SSH"
  answers private 10 "$P_SSH" "$LOGIN_ADDR"
}
# moto_post PATH < BODY: a request to moto's control port; prints the answer, fails unless it is a 200.
moto_post() {
  local body status line; body=$(cat; echo .); body=${body%.}
  exec 3<>"/dev/tcp/127.0.0.1/$P_CTL" || return 1
  printf 'POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$1" "$(printf %s "$body" | wc -c)" "$body" >&3
  read -r status <&3
  while read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  cat <&3; exec 3>&-
  [[ $status = *" 200 "* ]]
}
