#!/usr/bin/env bash
# Trains on a Cloud TPU pod: makes the pod, copies this checkout to every worker, installs it, and starts the run.
#
#   NAME=real3d ZONE=us-central2-b TYPE=v4-64 BUCKET=gs://my-bucket/real3d \
#     launch/tpu/train.sh --config configs/real3d.py --config.mesh.fsdp=4
#
# The arguments go to launch/train.py. BUCKET holds `data/` and gets the run; every worker mounts it with gcsfuse, since
# workdir and data must be the same folder on all hosts (docs/scaling.md). The same command goes on after a preemption.
# With PROGRAM=evaluate and --config configs/eval/NAME.py it scores that run instead: launch/evaluate.py.
# To end the rent: gcloud compute tpus tpu-vm delete "$NAME" --zone "$ZONE"
set -euo pipefail
: "${NAME:?name of the pod}" "${ZONE:?zone}" "${TYPE:?accelerator type, such as v4-64}" "${BUCKET:?gs://bucket/folder}"
VERSION=${VERSION:-tpu-ubuntu2204-base}
RUN=${RUN:-runs/real3d}
PROGRAM=${PROGRAM:-train}
case $PROGRAM in
  train) run_option=--workdir ;;
  evaluate) run_option=--checkpoint ;;
  *) echo "PROGRAM is '$PROGRAM': set it to train or evaluate" >&2; exit 2 ;;
esac

on_all_workers() { gcloud compute tpus tpu-vm ssh "$NAME" --zone "$ZONE" --worker=all --command "$1"; }

if ! gcloud compute tpus tpu-vm describe "$NAME" --zone "$ZONE" >/dev/null 2>&1; then
  gcloud compute tpus tpu-vm create "$NAME" --zone "$ZONE" --accelerator-type "$TYPE" --version "$VERSION"
fi

archive=$(mktemp --suffix=.tar.gz)
trap 'rm -f "$archive"' EXIT
git -C "$(dirname "$0")/../.." archive --format=tar.gz -o "$archive" HEAD
gcloud compute tpus tpu-vm scp "$archive" "$NAME":real3d.tar.gz --zone "$ZONE" --worker=all

without_scheme=${BUCKET#gs://}
bucket=${without_scheme%%/*}
folder=${without_scheme#"$bucket"}
on_all_workers "set -e
  mkdir -p real3d bucket && tar -xzf real3d.tar.gz -C real3d
  command -v gcsfuse >/dev/null || { echo 'gcsfuse is missing: install it on the workers' >&2; exit 1; }
  mountpoint -q bucket || gcsfuse --implicit-dirs ${folder:+--only-dir='${folder#/}'} '$bucket' bucket
  cd real3d && python3 -m venv .venv && .venv/bin/pip install -q -e . 'jax[tpu]'"

arguments=$(printf '%q ' "$@")
on_all_workers "cd real3d && .venv/bin/python launch/$PROGRAM.py --multihost \
  $run_option ../bucket/$RUN --config.data.root=../bucket/data $arguments"
