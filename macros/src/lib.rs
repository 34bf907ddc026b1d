//! The attributes `#[egret::main]` and `#[egret::test]`. Use them by way of `egret`, with its feature `macros`.
//!
//! They parse little: the arguments of the attribute, and of a function its attributes, qualifiers, name and the
//! position of its body. So they work on tokens (`function.rs`, `arguments.rs`), and a program with the feature
//! compiles no parser of Rust. They expand to a function that calls the original, which is unchanged inside: errors
//! and editors point to the lines that the user wrote.

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
/// It takes no arguments, because a runtime has one thread; to configure it, write `main` by hand with
/// `egret::runtime::Builder`.
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
            tokens.extend("fn main() {}".parse::<TokenStream>()); // avoids a second error about its absence
        }
        tokens
    })
}

/// Makes an `async fn` a test, which runs on a runtime of its own.
///
/// The test fails when the function panics or returns an error, and also
///
/// * when a task that is not awaited panics: the message names where it was spawned, as with
///   `UnhandledPanic::Shutdown`;
/// * when it exceeds its time limit: 60 seconds, or `timeout`. The message names the test. The function runs on a
///   thread of its own, so this also catches a call that blocks the loop and a poll that never returns. Such a thread
///   stays until the process ends.
///
/// What is left in the runtime when the function returns is dropped. It need not be `Send`.
///
/// # Arguments
///
/// * `timeout = "5s"`: the time limit, a whole number of `ms`, `s` or `min`, in real time.
/// * `start_paused = true`: the clock of the runtime is paused before the function starts, as by
///   `egret::time::pause`. Needs feature `test-util` of egret.
///
/// Other attributes of tests (`#[ignore]`, `#[should_panic]`, `#[cfg]`) may be added, `#[test]` may not.
///
/// ```
/// # // A doctest does not run it.
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
