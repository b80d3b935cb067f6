package vole

import "sync"

// inParallel cuts 0, ..., n-1 into a run for each worker, and waits for all of them.
func inParallel(workers, n int, f func(from, to int)) {
	workers = max(1, min(workers, n))
	var wait sync.WaitGroup
	for i := 1; i < workers; i++ {
		wait.Go(func() { f(i*n/workers, (i+1)*n/workers) })
	}
	f(0, n/workers)
	wait.Wait()
}
