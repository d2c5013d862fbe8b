#!/usr/bin/env bash
# What every worker of a pod does, in the checkout that pod.py copied to it: `worker.sh VERB ...`; see docs/pods.md.
#
#   install ACCESS STORAGE                        installs Python and the package, and sees that STORAGE is there
#   start KEY ACCESS STORAGE RUN PROGRAM WORDS    starts launch/PROGRAM.py, which survives terminal and connection
#   state                                         one line: worker HOST KEY none|running|EXIT_CODE
#   log LINES                                     the end of the run's log
#
# STORAGE is, by ACCESS, a 'folder' that all workers see, gs://BUCKET/FOLDER for the program's own 'client', or that
# for gcsfuse, which makes it a 'mount'. Each worker's log also goes to STORAGE/logs/RUN/HOST.log.
set -euo pipefail

UV=0.13.9        # from PyPI, by the image's own Python 3.10, which is too old for the package
PYTHON=3.12.16   # a standalone build that this uv knows
COPY_LOG_EVERY=${COPY_LOG_EVERY:-60}  # seconds

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
notes=$HOME/real3d-run
mount=$HOME/real3d-bucket
venv=$HOME/real3d-venv

fail() { echo "error: $*" >&2; exit 2; }

root_of() { case $1 in mount) echo "$mount" ;; *) echo "$2" ;; esac; }  # ACCESS STORAGE

# https://cloud.google.com/storage/docs/cloud-storage-fuse/install
install_gcsfuse() {
  local list=/etc/apt/sources.list.d/gcsfuse.list key=/usr/share/keyrings/cloud.google.asc
  curl -fsSL https://packages.cloud.google.com/apt/doc/apt-key.gpg | sudo tee "$key" >/dev/null
  echo "deb [signed-by=$key] https://packages.cloud.google.com/apt gcsfuse-$(lsb_release -cs) main" \
    | sudo tee "$list" >/dev/null
  sudo apt-get -qq -o DPkg::Lock::Timeout=300 update
  sudo apt-get -qqy -o DPkg::Lock::Timeout=300 install gcsfuse
}

mount_bucket() {
  local path=${1#gs://} bucket folder
  bucket=${path%%/*}
  folder=${path#"$bucket"}
  folder=${folder#/}
  command -v gcsfuse >/dev/null || install_gcsfuse
  if mountpoint -q "$mount"; then
    if [ "$(cat "$notes/mounted" 2>/dev/null)" = "$1" ]; then return; fi
    fusermount -u "$mount"
  fi
  mkdir -p "$mount"
  gcsfuse --implicit-dirs ${folder:+"--only-dir=$folder"} "$bucket" "$mount" \
    || fail "gcsfuse cannot mount $1 on $(hostname): check its name, and that the pod's service account may use it."
  echo "$1" > "$notes/mounted"
}

bucket() { timeout 120 "$venv/bin/python" "$checkout/launch/tpu/bucket.py" "$@"; }

install() {
  local package=$checkout needed=$checkout/launch/tpu/requirements.txt
  mkdir -p "$notes"
  case $1 in
    folder)
      [ -d "$2" ] || fail "worker $(hostname) has no folder '$2': mount it on all workers, or name a gs:// bucket."
      ;;
    mount) mount_bucket "$2" ;;
    client) package="${checkout}[gcs]" ;;
    *) fail "worker.sh knows no access by '$1'." ;;
  esac
  python3 -m pip install -q --user "uv==$UV"
  python3 -m uv venv -q --allow-existing --python "$PYTHON" "$venv"
  python3 -m uv pip install -q --python "$venv/bin/python" -e "$package" -r "$needed"
  if [ "$1" = client ]; then bucket check "$2" || exit 2; fi
}

state_of_run() {
  if [ -s "$notes/exit" ]; then cat "$notes/exit"
  elif [ ! -s "$notes/pid" ]; then echo none
  elif kill -0 "$(cat "$notes/pid")" 2>/dev/null; then echo running
  else echo 137  # killed, or the machine was started anew
  fi
}

start() {
  local key=$1
  shift
  [ "$(state_of_run)" != running ] || fail "a run is going on on $(hostname) already."
  mkdir -p "$notes"
  rm -f "$notes/exit" "$notes/pid"
  if [ "$key" != "$(cat "$notes/key" 2>/dev/null)" ]; then rm -f "$notes/log"; fi  # another run's
  echo "$key" > "$notes/key"
  setsid nohup bash "$checkout/launch/tpu/worker.sh" attend "$@" < /dev/null >> "$notes/log" 2>&1 &
  for _ in $(seq 100); do
    if [ -s "$notes/pid" ]; then return; fi  # from here on it is on its own
    sleep 0.1
  done
  fail "the run did not start on $(hostname): $(tail -n 1 "$notes/log")"
}

attend() {
  local access=$1 root run=$3 program=$4 copied copier code=0 run_option
  root=$(root_of "$access" "$2")
  shift 4
  echo $$ > "$notes/pid"
  case $program in train) run_option=--workdir ;; *) run_option=--checkpoint ;; esac
  copied=$root/logs/$run/$(hostname).log
  copy_log() {
    if [ "$access" = client ]; then bucket copy "$notes/log" "$copied" || true
    else mkdir -p "${copied%/*}" && timeout 120 cp "$notes/log" "$copied" || true
    fi
  }
  # Whole copies: a file that stays open is not in a bucket before it is closed.
  while sleep "$COPY_LOG_EVERY"; do copy_log; done &
  copier=$!
  trap : TERM  # the program is told as well, saves, and its exit code is still to be written
  cd "$checkout"
  "$venv/bin/python" -u "launch/$program.py" --multihost "$run_option" "$root/$run" \
    "--config.data.root=$root/data" "$@" || code=$?
  kill "$copier" 2>/dev/null || true
  copy_log
  echo "$code" > "$notes/exit.new" && mv "$notes/exit.new" "$notes/exit"
}

verb=$1
shift
case $verb in
  install | start | attend) "$verb" "$@" ;;
  state) echo "worker $(hostname) $(cat "$notes/key" 2>/dev/null || echo -) $(state_of_run)" ;;
  log) tail -n "$1" "$notes/log" ;;
  *) fail "worker.sh knows no '$verb'." ;;
esac
