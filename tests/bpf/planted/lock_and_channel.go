// Two goroutines on a mutex, the second one then answers on a channel; then a sleep.
//
// True: 100 ms of own code under the mutex by `first`, then 60 ms by `second`, which the main
// goroutine waits for on the channel, then 100 ms of sleep: the path is 160 ms of own code and
// 100 ms of waiting. Known by the program's own clock.
package main

import (
	"fmt"
	"sync"
	"time"
)

func compute(d time.Duration) time.Duration {
	begin := time.Now()
	for time.Since(begin) < d {
	}
	return time.Since(begin)
}

func main() {
	var lock sync.Mutex
	held, answer := make(chan bool), make(chan time.Duration)
	go func() {
		lock.Lock()
		close(held)
		compute(100 * time.Millisecond)
		lock.Unlock()
	}()
	go func() {
		<-held
		lock.Lock()
		answer <- compute(60 * time.Millisecond)
		lock.Unlock()
	}()
	begin := time.Now()
	<-answer
	computed := time.Since(begin)
	begin = time.Now()
	time.Sleep(100 * time.Millisecond)
	fmt.Println("computed_ns", computed.Nanoseconds())
	fmt.Println("slept_ns", time.Since(begin).Nanoseconds())
}
