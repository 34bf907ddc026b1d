//! The arguments of an attribute.

use crate::cores;
use crate::error::Error;
use proc_macro::{Span, TokenStream, TokenTree};

/// The default time limit of a test.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;

const TIMEOUT: &str = "write a whole number of `ms`, `s` or `min`, as in `timeout = \"5s\"`";

/// The attribute whose arguments are parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

impl Attribute {
    fn usage(self) -> &'static str {
        match self {
            Attribute::Test => {
                "#[egret::test] takes `timeout = \"5s\"`, `start_paused = true`, `unhandled_panic = \"ignore\"`, \
                 `name = \"..\"`, `flavor = \"current_thread\"` and `crate = \"..\"`, with a comma between them"
            }
            Attribute::Main => {
                "#[egret::main] takes `cores = 4`, or `start_paused = true`, `unhandled_panic = \"ignore\"`, \
                 `name = \"..\"`, `flavor = \"current_thread\"` and `crate = \"..\"`, with a comma between them. To set something else, \
                 write `fn main` without the attribute and use `egret::runtime::Builder`"
            }
        }
    }

    /// Where there is no second thread.
    fn one_thread(self) -> &'static str {
        match self {
            Attribute::Test => {
                "a runtime of egret has one thread: write `flavor = \"current_thread\"` or leave it out. A test of \
                 several is a `#[test]` that calls `egret::cores::Builder::new().count(2).run(..)`"
            }
            Attribute::Main => {
                "a runtime of egret has one thread: write `flavor = \"current_thread\"` or leave it out. For a runtime on \
                 each of several threads write `#[egret::main(cores = 4)]`, and see docs/cores.md"
            }
        }
    }
}

/// The arguments of `#[egret::test]`, and of `#[egret::main]` without `cores`.
pub(crate) struct Arguments {
    pub(crate) timeout_ms: u64,
    pub(crate) settings: Settings,
}

/// The settings of a runtime.
#[derive(Default)]
pub(crate) struct Settings {
    start_paused: Option<bool>,
    /// The name of the variant.
    unhandled_panic: Option<&'static str>,
    /// A literal.
    name: Option<String>,
    /// The path of egret.
    egret: Option<String>,
}

impl Settings {
    /// Returns whether nothing is set.
    pub(crate) fn is_default(&self) -> bool {
        self.start_paused != Some(true) && self.unhandled_panic.is_none() && self.name.is_none()
    }

    /// Returns the path of egret in the code that is made.
    pub(crate) fn egret(&self) -> &str {
        self.egret.as_deref().unwrap_or("::egret")
    }

    /// Returns the expression for them, with the default policy for panics.
    pub(crate) fn expression(&self, unhandled_panic: &str) -> String {
        let start_paused = self.start_paused == Some(true);
        let unhandled_panic = self.unhandled_panic.unwrap_or(unhandled_panic);
        let egret = self.egret();
        let name = match &self.name {
            Some(name) => format!("::core::option::Option::Some({name})"),
            None => "::core::option::Option::None".to_owned(),
        };
        format!(
            "{egret}::macro_support::Settings {{
                start_paused: {start_paused},
                unhandled_panic: {egret}::runtime::UnhandledPanic::{unhandled_panic},
                name: {name},
            }}"
        )
    }
}

impl Arguments {
    pub(crate) fn parse(tokens: TokenStream, of: Attribute) -> Result<Arguments, Error> {
        let (mut timeout_ms, mut settings, mut has_flavor) = (None, Settings::default(), None);
        let mut tokens = tokens.into_iter();
        while let Some(key) = tokens.next() {
            let name = key.to_string();
            let mut value = || value(&key, &mut tokens, of);
            let twice = match &*name {
                "timeout" if of == Attribute::Test => timeout_ms.replace(parse_timeout(&value()?)?).is_some(),
                "start_paused" => settings.start_paused.replace(parse_paused(&value()?)?).is_some(),
                "unhandled_panic" => settings.unhandled_panic.replace(parse_policy(&value()?)?).is_some(),
                "name" => settings.name.replace(parse_name(&value()?)?).is_some(),
                "crate" => settings.egret.replace(parse_crate(&value()?)?).is_some(),
                "flavor" => has_flavor.replace(parse_flavor(&value()?, of)?).is_some(),
                "worker_threads" | "core_threads" => return Err(Error::new(key.span(), of.one_thread())),
                "cores" if of == Attribute::Test => return Err(cores::not_in_a_test(&key)),
                "cores" => {
                    return Err(Error::new(
                        key.span(),
                        "`cores` goes alone: the runtimes are set by `egret::cores::Builder`",
                    ));
                }
                _ => {
                    let message = format!("there is no argument `{name}`: {}", of.usage());
                    return Err(Error::new(key.span(), message));
                }
            };
            if twice {
                return Err(Error::new(key.span(), format!("`{name}` is said already: say it once")));
            }
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma == ',' => {}
                Some(other) => return Err(Error::new(other.span(), of.usage())),
            }
        }
        Ok(Arguments { timeout_ms: timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS), settings })
    }
}

/// Returns the value after a key and its `=`.
fn value(
    key: &TokenTree,
    tokens: &mut impl Iterator<Item = TokenTree>,
    of: Attribute,
) -> Result<TokenTree, Error> {
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Punct(equals)), Some(value)) if equals == '=' => Ok(value),
        (other, _) => Err(Error::new(other.map_or_else(|| key.span(), |other| other.span()), of.usage())),
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
        None => Err(wrong("this time limit is too long")),
    }
}

fn parse_paused(value: &TokenTree) -> Result<bool, Error> {
    match &*value.to_string() {
        "true" => needs_the_clock(value.span()).map(|()| true),
        "false" => Ok(false),
        _ => Err(Error::new(value.span(), "write `start_paused = true`, or leave it out")),
    }
}

fn parse_policy(value: &TokenTree) -> Result<&'static str, Error> {
    match &*value.to_string() {
        "\"ignore\"" => Ok("Ignore"),
        "\"report\"" => Ok("Report"),
        "\"shutdown_runtime\"" => Ok("Shutdown"),
        _ => {
            let message = "write `unhandled_panic = \"ignore\"`, `\"report\"` or `\"shutdown_runtime\"`";
            Err(Error::new(value.span(), message))
        }
    }
}

fn parse_name(value: &TokenTree) -> Result<String, Error> {
    let name = value.to_string();
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(text) if !text.trim().is_empty() => Ok(name),
        _ => Err(Error::new(
            value.span(),
            "the name of a runtime is a string that is not empty: write `name = \"front\"`",
        )),
    }
}

fn parse_crate(value: &TokenTree) -> Result<String, Error> {
    let text = value.to_string();
    let path = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        name.chars().all(is_letter) && name.starts_with(|c: char| !c.is_ascii_digit())
    };
    if path.strip_prefix("::").unwrap_or(path).split("::").all(is_name) {
        return Ok(path.to_owned());
    }
    Err(Error::new(
        value.span(),
        "write the path by which egret is reached here, as in `crate = \"server::egret\"`",
    ))
}

fn parse_flavor(value: &TokenTree, of: Attribute) -> Result<(), Error> {
    match &*value.to_string() {
        "\"current_thread\"" | "\"local\"" => Ok(()),
        _ => Err(Error::new(value.span(), of.one_thread())),
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
