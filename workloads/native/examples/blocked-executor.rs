//! A tokio runtime of one thread, on which one task keeps the thread for 40 ms, in `parse_json`, while
//! others want to run every millisecond: what a profiler should find.

use std::hint::black_box;
use std::time::{Duration, Instant};

const OTHERS: usize = 20;
const BLOCKED: Duration = Duration::from_millis(40);

#[inline(never)]
fn parse_json() -> u64 {
    let end = Instant::now() + BLOCKED;
    let mut sum = 0_u64;
    while Instant::now() < end {
        for i in 0..1000 {
            sum = black_box(sum.wrapping_mul(31) + i);
        }
    }
    sum
}

async fn handle_request() -> u64 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let parsed = parse_json();
    tokio::time::sleep(Duration::from_millis(1)).await;
    parsed
}

async fn poll_often() {
    for _ in 0..150 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let others: Vec<_> = (0..OTHERS).map(|_| tokio::spawn(poll_often())).collect();
        let request = tokio::spawn(handle_request());
        for task in others {
            task.await.expect("it does not panic");
        }
        black_box(request.await.expect("it does not panic"));
    });
    Ok(())
}
