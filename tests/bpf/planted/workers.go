// Jobs that wait 15 ms each for something outside, done by as many workers as the Go runtime has
// processors (GOMAXPROCS): twice as many workers take half of the time, on any number of CPUs.
package main

import (
	"runtime"
	"sync"
	"time"
)

const jobs, wait = 16, 15 * time.Millisecond

func main() {
	todo := make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range todo {
				time.Sleep(wait)
			}
		}()
	}
	for job := 0; job < jobs; job++ {
		todo <- job
	}
	close(todo)
	workers.Wait()
}
