//! The arguments of an attribute.

use crate::cores;
use crate::error::Error;
use proc_macro::{Span, TokenStream, TokenTree};

/// The default time limit of a test.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;

const TIMEOUT: &str = "write a whole number of `ms`, `s` or `min`, as in `timeout = \"5s\"`";
const USAGE: &str =
    "#[egret::test] takes `timeout = \"5s\"` and `start_paused = true`, with a comma between them";

/// The arguments of `#[egret::test]`.
pub(crate) struct Arguments {
    pub(crate) timeout_ms: u64,
    pub(crate) start_paused: bool,
}

impl Arguments {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Arguments, Error> {
        let (mut timeout_ms, mut start_paused) = (None, None);
        let mut tokens = tokens.into_iter();
        while let Some(key) = tokens.next() {
            let name = key.to_string();
            let twice = match &*name {
                "timeout" => timeout_ms.replace(parse_timeout(&value(&key, &mut tokens)?)?).is_some(),
                "start_paused" => start_paused.replace(parse_paused(&value(&key, &mut tokens)?)?).is_some(),
                "cores" => return Err(cores::not_in_a_test(&key)),
                _ => return Err(Error::new(key.span(), format!("there is no argument `{name}`: {USAGE}"))),
            };
            if twice {
                return Err(Error::new(key.span(), format!("`{name}` is said already: say it once")));
            }
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma == ',' => {}
                Some(other) => return Err(Error::new(other.span(), USAGE)),
            }
        }
        Ok(Arguments {
            timeout_ms: timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS),
            start_paused: start_paused.unwrap_or(false),
        })
    }
}

/// The value after a key and its `=`.
fn value(key: &TokenTree, tokens: &mut impl Iterator<Item = TokenTree>) -> Result<TokenTree, Error> {
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Punct(equals)), Some(value)) if equals == '=' => Ok(value),
        (other, _) => Err(Error::new(other.map_or_else(|| key.span(), |other| other.span()), USAGE)),
    }
}

fn parse_timeout(value: &TokenTree) -> Result<u64, Error> {
    let wrong = |why: &str| Error::new(value.span(), format!("{why}: {TIMEOUT}"));
    let text = value.to_string();
    let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Err(wrong("a time limit is a string with a unit"));
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        _ => return Err(wrong("this is no time limit")),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
        Some(0) => Err(wrong("no test is done in no time")),
        Some(ms) => Ok(ms),
        None if number.is_empty() => Err(wrong("this is no time limit")),
        None => Err(wrong("nobody waits as long as that")),
    }
}

fn parse_paused(value: &TokenTree) -> Result<bool, Error> {
    match &*value.to_string() {
        "true" => needs_the_clock(value.span()).map(|()| true),
        "false" => Ok(false),
        _ => Err(Error::new(value.span(), "write `start_paused = true`, or leave it out")),
    }
}

fn needs_the_clock(span: Span) -> Result<(), Error> {
    if cfg!(feature = "test-util") {
        return Ok(());
    }
    Err(Error::new(
        span,
        "`start_paused` needs a clock that can be paused: write `features = [\"macros\", \"test-util\"]` for egret in \
         the [dev-dependencies] of Cargo.toml",
    ))
}
