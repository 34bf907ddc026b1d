//! The attributes `#[egret::main]` and `#[egret::test]`. Use them by way of `egret`, with its feature `macros`.
//!
//! What they read is small: the arguments of the attribute, and of a function its attributes, its qualifiers,
//! its name and where its body is; all else is handed on as it came. So they are written on the tokens themselves
//! (`function.rs`, `arguments.rs`), and a program that turns the feature on compiles no parser of Rust for them.
//! What they expand to is a function that calls the original, which stays as it is inside of it: the compiler's
//! errors and an editor's answers are about the lines that the user wrote.

#![forbid(unsafe_code)]

mod arguments;
mod error;
mod function;

use arguments::Arguments;
use error::Error;
use function::Function;
use proc_macro::TokenStream;

/// Runs an `async fn` on a new runtime, by `egret::block_on`.
///
/// For `main`. What is left in the runtime when the function returns is dropped.
///
/// It takes no arguments, for a runtime has one thread; where something is to be set, write `main` by hand
/// with `egret::runtime::Builder`.
///
/// ```
/// #[egret::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = egret::net::TcpListener::bind("127.0.0.1:0").await?;
///     println!("listening on {}", listener.local_addr()?);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let name = function::name_of(&item);
    let expanded = Arguments::none(arguments).and_then(|()| {
        let function = Function::parse(item, "main")?;
        let call = format!("::egret::block_on({}())", function.name);
        Ok(function.calling(&call, true))
    });
    expanded.unwrap_or_else(|error| {
        let mut tokens = error.into_tokens();
        if name.as_deref() == Some("main") {
            tokens.extend("fn main() {}".parse::<TokenStream>()); // no second error, about a lack of it
        }
        tokens
    })
}

/// Makes an `async fn` a test, which runs on a runtime of its own.
///
/// The test fails when the function panics or returns an error, and also
///
/// * when a task that nobody awaits panics: the message names the place that spawned it. So it is by
///   `UnhandledPanic::Shutdown`;
/// * when it is not done in time: 60 seconds, or what `timeout` says. The message names the test. The
///   function runs on a thread of its own and is waited for from outside, so this catches a call that blocks the loop
///   and a poll that never returns as well as a wait for what never comes. Such a thread stays until the process
///   ends.
///
/// What is left in the runtime when the function returns is dropped. It need not be `Send`.
///
/// # Arguments
///
/// * `timeout = "5s"`: the time limit, a whole number of `ms`, `s` or `min`, on the clock on the wall.
/// * `start_paused = true`: the clock of the runtime is paused before the function starts, as by
///   `egret::time::pause`. Needs feature `test-util` of egret.
///
/// Other attributes of tests (`#[ignore]`, `#[should_panic]`, `#[cfg]`) go beside it, and `#[test]` does not.
///
/// ```
/// # // In a doctest there is nobody to run it.
/// #[egret::test(timeout = "5s", start_paused = true)]
/// async fn an_hour_is_over_at_once() {
///     let start = egret::time::Instant::now();
///     egret::time::sleep(std::time::Duration::from_secs(3600)).await;
///     assert_eq!(start.elapsed().as_secs(), 3600);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand_test(arguments, item).unwrap_or_else(Error::into_tokens)
}

fn expand_test(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let arguments = Arguments::parse(arguments)?;
    let function = Function::parse(item, "test")?;
    function.is_no_test_yet()?;
    let Arguments { timeout_ms, start_paused } = arguments;
    let name = &function.name;
    let text = name.to_string();
    let text = text.trim_start_matches("r#");
    let call = format!(
        "::egret::macro_support::test(
            ::egret::macro_support::Test {{
                name: ::core::concat!(::core::module_path!(), \"::{text}\"),
                timeout_ms: {timeout_ms},
                start_paused: {start_paused},
            }},
            {name},
        )"
    );
    let mut tokens: TokenStream = "#[::core::prelude::v1::test]".parse().expect("an attribute");
    tokens.extend(function.calling(&call, false));
    Ok(tokens)
}
