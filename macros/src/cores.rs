//! The argument `cores` of `#[egret::main]`.

use crate::error::Error;
use proc_macro::{TokenStream, TokenTree};

const VALUES: &str = "write `cores = 4`, or `cores = \"all\"` for as many as the process may use";

/// How many cores run the function.
#[derive(Clone, Copy)]
pub(crate) enum Cores {
    /// No such argument: one runtime, on the calling thread.
    None,
    /// `cores = "all"`: the default of `cores::Builder`.
    All,
    /// `cores = 4`.
    Count(usize),
}

impl Cores {
    /// Returns the arguments of `#[egret::main]`, if they begin with `cores`.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Cores, Error> {
        let mut tokens = tokens.into_iter();
        let Some(key) = tokens.next().filter(|key| key.to_string() == "cores") else {
            return Ok(Cores::None);
        };
        let value = match (tokens.next(), tokens.next()) {
            (Some(TokenTree::Punct(equals)), Some(value)) if equals == '=' => value,
            _ => return Err(Error::new(key.span(), format!("how many cores? {VALUES}"))),
        };
        match tokens.next() {
            None => Cores::value(&value),
            Some(other) => {
                Err(Error::new(other.span(), format!("the number of cores is one literal: {VALUES}")))
            }
        }
    }

    fn value(value: &TokenTree) -> Result<Cores, Error> {
        let wrong = |why: &str| Err(Error::new(value.span(), format!("{why}: {VALUES}")));
        match &*value.to_string() {
            "\"all\"" => Ok(Cores::All),
            text => match text.parse() {
                Ok(0) => wrong("no core would run"),
                Ok(count) => Ok(Cores::Count(count)),
                Err(_) => wrong("this is no number of cores"),
            },
        }
    }
}

/// Returns the error of `#[egret::test(cores = ..)]`, at its key.
pub(crate) fn not_in_a_test(key: &TokenTree) -> Error {
    let message = "a test runs on one core: write a `#[test]` that calls \
                   `egret::cores::Builder::new().count(2).run(..)`";
    Error::new(key.span(), message)
}
