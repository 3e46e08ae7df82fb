"""Mine with workers that Slurm starts: python dask_slurm.py CORPUS WORK

Needs dask-jobqueue beside cantaor[dask]. This process is the coordinator and has to stay alive.
"""

import sys

from cantaor import mine


def main(corpus: str, work: str) -> None:
    """Ask for 16 jobs of four one-threaded workers each, and hand them to mine."""
    from dask_jobqueue import SLURMCluster

    with SLURMCluster(cores=4, processes=4, memory="4GB", walltime="04:00:00") as cluster:
        cluster.scale(jobs=16)
        mine(corpus, work, dask=cluster.scheduler_address)


if __name__ == "__main__":
    main(*sys.argv[1:])
