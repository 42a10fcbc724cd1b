package ecrx

import "sync"

// parallelCalls is how many calls are under way at once where nothing else is
// said: no rate is published for the calls of this package but PutImage
// (docs/aws/ecr.md 1.5).
const parallelCalls = 24

// parallel runs n pieces of work, limit at a time, and tells done about each on
// the caller's goroutine. Nothing runs any more when it returns.
func parallel(limit, n int, work func(i int), done func(i int)) {
	jobs, results := make(chan int, n), make(chan int, n)
	for i := range n {
		jobs <- i
	}
	close(jobs)
	var wg sync.WaitGroup
	for range min(limit, n) {
		wg.Go(func() {
			for i := range jobs {
				work(i)
				results <- i
			}
		})
	}
	for range n {
		done(<-results)
	}
	wg.Wait()
}
