//! Parsing values from the command line, with errors that say what is expected.

use crate::{Error, Result};
use std::ffi::OsString;

/// Parses a whole number within bounds; `name` is the option or parameter it was given for.
pub fn whole_number(name: &str, value: OsString, least: u64, most: u64) -> Result<u64> {
    value
        .to_str()
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            Error::usage(format!(
                "{name} {value:?}: expected a whole number from {least} to {most}"
            ))
        })
}

/// Parses one of a few words.
pub fn one_of<T: Copy>(name: &str, value: OsString, accepted: &[(&str, T)]) -> Result<T> {
    accepted
        .iter()
        .find(|(word, _)| value == *word)
        .map(|&(_, meaning)| meaning)
        .ok_or_else(|| {
            let words: Vec<&str> = accepted.iter().map(|&(word, _)| word).collect();
            Error::usage(format!(
                "{name} {value:?}: expected one of {}",
                words.join(", ")
            ))
        })
}

/// The value after an option.
pub fn value(parser: &mut lexopt::Parser, name: &str, what: &str) -> Result<OsString> {
    parser
        .value()
        .map_err(|_| Error::usage(format!("{name} needs a value: {what}")))
}

/// The parser's own error (an unknown option, a value that the option does not take).
pub fn parser_error(error: lexopt::Error) -> Error {
    Error::usage(format!("{error}; --help lists what is accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_bounds() {
        assert_eq!(whole_number("--tasks", "1".into(), 1, 9).unwrap(), 1);
        assert_eq!(whole_number("--warmups", "0".into(), 0, 9).unwrap(), 0);
    }

    #[test]
    fn other_numbers_are_refused_by_name() {
        for bad in ["0", "-1", "10", "x", "", "1.5", "99999999999999999999"] {
            let error = whole_number("--tasks", bad.into(), 1, 9).unwrap_err();
            assert!(matches!(error, Error::Usage(_)));
            let text = error.to_string();
            assert!(text.contains("--tasks") && text.contains(bad) && text.contains("1 to 9"));
            assert!(!text.contains('\n'));
        }
    }

    #[test]
    fn words() {
        let accepted = [("a-b", 1), ("c", 2)];
        assert_eq!(one_of("--flavor", "c".into(), &accepted).unwrap(), 2);
        let text = one_of("--flavor", "d".into(), &accepted)
            .unwrap_err()
            .to_string();
        assert!(text.contains("\"d\"") && text.contains("a-b, c"));
    }
}
