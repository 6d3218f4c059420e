//! The summary of the measured times.

/// Mean, spread and order statistics of a series of nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    pub mean: f64,
    /// The population's, not a sample's: the published figures are given that way.
    pub stddev: f64,
    pub min: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Stats {
    /// Sorts the series in place (it can be long, and its order is not needed any more).
    /// The summary of an empty series is all zeroes.
    pub fn of(series: &mut [u64]) -> Stats {
        series.sort_unstable();
        let count = series.len().max(1) as f64;
        let mean = series.iter().map(|&value| value as f64).sum::<f64>() / count;
        // A second pass, because a sum of squares loses digits when the spread is small.
        let variance = series
            .iter()
            .map(|&value| (value as f64 - mean).powi(2))
            .sum::<f64>()
            / count;
        Stats {
            mean,
            stddev: variance.sqrt(),
            min: series.first().copied().unwrap_or(0),
            p50: percentile(series, 50),
            p99: percentile(series, 99),
            max: series.last().copied().unwrap_or(0),
        }
    }
}

/// The smallest value that at least `percent` % of the sorted series do not exceed
/// (nearest rank: always a value that was measured).
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_known_series() {
        let stats = Stats::of(&mut [9, 2, 4, 4, 5, 4, 5, 7]);
        assert_eq!(stats.mean, 5.0);
        assert_eq!(stats.stddev, 2.0);
        assert_eq!((stats.min, stats.p50, stats.max), (2, 4, 9));
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut series: Vec<u64> = (1..=200).rev().collect();
        let stats = Stats::of(&mut series);
        assert_eq!((stats.p50, stats.p99, stats.max), (100, 198, 200));
        assert_eq!(percentile(&[3], 99), 3);
    }

    #[test]
    fn of_one_and_of_none() {
        let one = Stats::of(&mut [7]);
        assert_eq!((one.mean, one.stddev, one.min, one.p99), (7.0, 0.0, 7, 7));
        let none = Stats::of(&mut []);
        assert_eq!((none.mean, none.stddev, none.max), (0.0, 0.0, 0));
    }

    #[test]
    fn small_spread_on_large_values_survives() {
        let base = 1_000_000_000_000;
        let stats = Stats::of(&mut [base, base + 2]);
        assert_eq!(stats.stddev, 1.0);
    }
}
