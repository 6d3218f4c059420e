// For each line of input: `first` computes 150 ms inside a monitor, `second` waits for the monitor
// and computes 100 ms inside it, the main thread joins both and then sleeps 100 ms. It prints how
// long the two took together, and the sleep.
//
// True: the path is 250 ms of own code and 100 ms of sleep. Known by the program's own clock.
public class Monitor {
    static final Object lock = new Object();

    static void compute(long ms) {
        long end = System.nanoTime() + ms * 1_000_000;
        while (System.nanoTime() < end) {}
    }

    static Thread holder(String name, long ms, long after) {
        Thread made = new Thread(() -> {
            try { Thread.sleep(after); } catch (InterruptedException e) { throw new RuntimeException(e); }
            synchronized (lock) { compute(ms); }
        }, name);
        made.start();
        return made;
    }

    static void round() throws Exception {
        long begin = System.nanoTime();
        Thread first = holder("first", 150, 0);
        Thread second = holder("second", 100, 20);
        first.join();
        second.join();
        long computed = System.nanoTime() - begin;
        begin = System.nanoTime();
        Thread.sleep(100);
        System.out.println("computed_ns " + computed + " slept_ns " + (System.nanoTime() - begin));
    }

    public static void main(String[] words) throws Exception {
        round();
        round(); // the compiler has seen the loops
        System.out.println("ready");
        while (System.in.read() >= 0) round();
    }
}
