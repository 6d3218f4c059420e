// Two kinds of goroutines that take turns computing: `heavy` computes three times as long as `light`.
package main

import "sync"

const rounds, work = 400, 200_000

var sink int

//go:noinline
func compute(n int) {
	for i := 0; i < n; i++ {
		sink += i
	}
}

func turns(n int, mine, other chan bool, done *sync.WaitGroup) {
	defer done.Done()
	for i := 0; i < rounds; i++ {
		<-mine
		compute(n)
		other <- true
	}
}

func light(mine, other chan bool, done *sync.WaitGroup) { turns(work, mine, other, done) }

func heavy(mine, other chan bool, done *sync.WaitGroup) { turns(3*work, mine, other, done) }

func main() {
	var done sync.WaitGroup
	first, second := make(chan bool, 1), make(chan bool, 1)
	done.Add(2)
	go light(first, second, &done)
	go heavy(second, first, &done)
	first <- true
	done.Wait()
}
