"""Work on many recordings at once: worker processes, executors, Dask."""
