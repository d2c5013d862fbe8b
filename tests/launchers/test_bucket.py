"""launch/tpu/bucket.py with the true client and a bucket played on this machine."""

import runpy
from pathlib import Path

from real3d_jax.runtime import stores

bucket_py = runpy.run_path(str(Path(__file__).resolve().parents[2] / "launch" / "tpu" / "bucket.py"))["main"]


def test_a_bucket_is_checked_and_gets_files(gcs, bucket, tmp_path, capsys):
    log = tmp_path / "log"
    log.write_text("step 7\n")
    address = f"{bucket}/logs/runs/mine/t1v-w-0.log"
    assert bucket_py("check", f"{bucket}/folder") == 0
    assert bucket_py("copy", str(log), address) == 0
    assert stores.files_below(stores.place(bucket)) == ["logs/runs/mine/t1v-w-0.log"]
    assert stores.place(address).read_text() == "step 7\n"
    assert capsys.readouterr().err == ""


def test_what_a_bucket_refuses_is_one_sentence(gcs, bucket, tmp_path, capsys):
    log = tmp_path / "log"
    log.write_text("step 7\n")
    gcs.refuse(str(bucket)[5:])
    assert bucket_py("check", f"{bucket}/folder") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: '{bucket}/folder' cannot be written (") and said.count("\n") == 1
    assert bucket_py("copy", str(log), f"{bucket}/log") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"note: {log} was not copied to {bucket}/log (") and said.count("\n") == 1
