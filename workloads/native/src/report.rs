//! The result, as JSON and as text.

use crate::control::{Control, Measured};
use crate::error::Context;
use crate::stats::Stats;
use crate::Result;
use std::io::Write;

/// All that is known after a run.
#[derive(Debug)]
pub struct Report {
    pub tasks: usize,
    pub iterations: usize,
    pub warmups: usize,
    /// What `units` counts.
    pub unit: &'static str,
    pub units: u128,
    pub stats: Stats,
    /// Further figures by name; those whose names end in `_ns` are times.
    pub extra: Vec<(&'static str, f64)>,
    pub measured: Measured,
}

impl Report {
    /// The report of a program that has a single run and no trips.
    pub fn of_one_run(measured: Measured) -> Report {
        Report {
            tasks: 1,
            iterations: 1,
            warmups: 0,
            unit: "run",
            units: 1,
            stats: Stats::of(&mut [measured.elapsed_ns]),
            extra: Vec::new(),
            measured,
        }
    }

    /// One line of JSON. All keys and values are known to need no escaping.
    pub fn json(&self) -> String {
        let Stats {
            mean,
            stddev,
            min,
            p50,
            p99,
            max,
        } = self.stats;
        let usage = &self.measured.usage;
        [
            format!(
                r#"{{"tasks":{},"iterations":{},"warmups":{},"#,
                self.tasks, self.iterations, self.warmups
            ),
            format!(r#""unit":"{}","units":{},"#, self.unit, self.units),
            format!(r#""elapsed_ns":{},"#, self.measured.elapsed_ns),
            format!(r#""mean_ns":{mean:.3},"stddev_ns":{stddev:.3},"#),
            format!(r#""min_ns":{min},"p50_ns":{p50},"p99_ns":{p99},"max_ns":{max},"#),
            format!(r#""ns_per_unit":{:.3},"#, self.ns_per_unit()),
            format!(r#""extra":{{{}}},"#, self.extra_json()),
            format!(
                r#""rusage":{{"user_ns":{},"system_ns":{},"max_rss_bytes":{},"#,
                usage.user_ns, usage.system_ns, usage.max_rss_bytes
            ),
            format!(
                r#""minor_faults":{},"major_faults":{},"#,
                usage.minor_faults, usage.major_faults
            ),
            format!(
                r#""voluntary":{},"involuntary":{}}}}}"#,
                usage.voluntary, usage.involuntary
            ),
        ]
        .concat()
    }

    /// A few lines of text.
    pub fn text(&self) -> String {
        let stats = &self.stats;
        let usage = &self.measured.usage;
        let mut text = format!(
            "{} tasks, {} iterations: mean {} per iteration, {} per {}\n\
             an iteration: stddev {}, min {}, median {}, p99 {}, max {}\n\
             the run: {} elapsed, {} user, {} system, {} voluntary and {} involuntary switches",
            self.tasks,
            self.iterations,
            duration(stats.mean),
            duration(self.ns_per_unit()),
            self.unit,
            duration(stats.stddev),
            duration(stats.min as f64),
            duration(stats.p50 as f64),
            duration(stats.p99 as f64),
            duration(stats.max as f64),
            duration(self.measured.elapsed_ns as f64),
            duration(usage.user_ns as f64),
            duration(usage.system_ns as f64),
            usage.voluntary,
            usage.involuntary
        );
        if !self.extra.is_empty() {
            text += &format!("\nalso: {}", self.extra_text());
        }
        text
    }

    /// To the controlling process if there is one, else to standard output.
    pub fn deliver(&self, control: &mut Control, json: bool) -> Result<()> {
        if control.is_controlled() {
            return control.result(&self.json());
        }
        let text = if json { self.json() } else { self.text() };
        writeln!(std::io::stdout(), "{text}").context("write to standard output")
    }

    fn ns_per_unit(&self) -> f64 {
        self.stats.mean * self.iterations as f64 / self.units as f64
    }

    fn extra_json(&self) -> String {
        let pairs = self.extra.iter().map(|&(name, value)| {
            let value = (value * 1e3).round() / 1e3;
            format!(r#""{name}":{value}"#)
        });
        pairs.collect::<Vec<_>>().join(",")
    }

    fn extra_text(&self) -> String {
        let phrases = self.extra.iter().map(|&(name, value)| {
            let words = name.replace('_', " ");
            match words.strip_suffix(" ns") {
                Some(words) => format!("{words} {}", duration(value)),
                None => format!("{words} {value}"),
            }
        });
        phrases.collect::<Vec<_>>().join(", ")
    }
}

/// Three or four digits with the unit that fits.
fn duration(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => return format!("{ns:.0} ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = match value {
        value if value < 10.0 => 3,
        value if value < 100.0 => 2,
        _ => 1,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rusage::Usage;

    #[test]
    fn json_has_all_values_in_place() {
        let report = Report {
            tasks: 4,
            iterations: 2,
            warmups: 1,
            unit: "hop",
            units: 8,
            stats: Stats::of(&mut [10, 20]),
            extra: vec![("tokens", 2.0), ("work_ns", 1.23456)],
            measured: Measured {
                elapsed_ns: 33,
                usage: Usage {
                    user_ns: 1,
                    system_ns: 2,
                    max_rss_bytes: 3,
                    minor_faults: 4,
                    major_faults: 5,
                    voluntary: 6,
                    involuntary: 7,
                },
            },
        };
        assert_eq!(
            report.json(),
            concat!(
                r#"{"tasks":4,"iterations":2,"warmups":1,"unit":"hop","units":8,"elapsed_ns":33,"#,
                r#""mean_ns":15.000,"stddev_ns":5.000,"min_ns":10,"p50_ns":10,"p99_ns":20,"#,
                r#""max_ns":20,"ns_per_unit":3.750,"extra":{"tokens":2,"work_ns":1.235},"#,
                r#""rusage":{"user_ns":1,"system_ns":2,"#,
                r#""max_rss_bytes":3,"minor_faults":4,"major_faults":5,"voluntary":6,"#,
                r#""involuntary":7}}"#
            )
        );
        let text = report.text();
        assert_eq!(text.lines().count(), 4);
        assert!(text.ends_with("also: tokens 2, work 1 ns"), "{text}");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(999.0), "999 ns");
        assert_eq!(duration(1_234.0), "1.234 µs");
        assert_eq!(duration(56_780_000.0), "56.78 ms");
        assert_eq!(duration(123_456_000_000.0), "123.5 s");
    }
}
