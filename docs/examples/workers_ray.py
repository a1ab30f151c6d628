"""Workers of a queue as Ray tasks: one a GPU, until nothing is left. Run: python workers_ray.py 8"""

import os
import subprocess
import sys

import ray

ray.init()
names = ["DATABASE_URL", "VISAVIS_STORE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
environment = {name: os.environ[name] for name in names}


@ray.remote(num_gpus=1, max_retries=3)
def work() -> int:
    argv = ["visavis", "worker", "--queue", "--until-empty", "--device", "cuda"]
    return subprocess.run(argv, env={**os.environ, **environment}, check=True).returncode


ray.get([work.remote() for _ in range(int(sys.argv[1]))])
