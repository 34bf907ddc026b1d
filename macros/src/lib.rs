//! The attributes `#[egret::main]` and `#[egret::test]`. Use them by way of `egret`, with its feature `macros`.
//!
//! They parse little: the arguments of the attribute, and of a function its attributes, qualifiers, name and the
//! position of its body. So they work on tokens (`function.rs`, `arguments.rs`), and a program with the feature
//! compiles no parser of Rust. They expand to a function that calls the original, which is unchanged inside: errors
//! and editors point to the lines that the user wrote.

#![forbid(unsafe_code)]

mod arguments;
mod cores;
mod error;
mod function;

use arguments::{Arguments, Attribute, Settings};
use cores::Cores;
use error::Error;
use function::{Function, Parameters};
use proc_macro::TokenStream;

/// Runs an `async fn` on a new runtime, by `egret::block_on`.
///
/// For `main`. Tasks that are left when the function returns are dropped with the runtime.
///
/// # Arguments
///
/// * `name = "front"`: the name of the runtime, as by `Builder::name`.
/// * `unhandled_panic = "ignore"`, `"report"` (the default) or `"shutdown_runtime"`: what happens when a task that is not
///   awaited panics, as by `Builder::unhandled_panic`.
/// * `start_paused = true`: the clock of the runtime is paused before the function starts. Needs feature `test-util` of
///   egret.
/// * `flavor = "current_thread"`, for code that is ported from tokio: there is no other flavor.
/// * `crate = "server::egret"`: the path of egret in the code that the attribute makes, where it is not `::egret`.
/// * `cores = 4`, alone: [below](#on-several-cores).
///
/// To set something else, write `main` without the attribute, and use `egret::runtime::Builder`.
///
/// ```
/// #[egret::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = egret::net::TcpListener::bind("127.0.0.1:0").await?;
///     println!("listening on {}", listener.local_addr()?);
///     Ok(())
/// }
/// ```
/// # On several cores
///
/// With `cores = 4` the function runs on each of 4 threads, with a runtime for each: by `egret::cores::Builder`, with
/// its defaults. `cores = "all"` is as many as the process may use (`egret::cores::available`). The function has one
/// parameter, its `egret::cores::Core`, and returns `()` or `Result<(), E>` with `E: From<std::io::Error> + Send`. It
/// returns the first error when all cores have ended; an error or a panic of one shuts the others down.
///
/// Data that the cores share is in a `static`. For signals that end them, a deadline, or settings of their runtimes,
/// write `main` without the attribute.
///
/// ```
/// use egret::cores::Core;
/// use egret::net::{Sharing, TcpShares};
/// use std::sync::LazyLock;
///
/// static SHARES: LazyLock<TcpShares> = LazyLock::new(|| {
///     TcpShares::bind("127.0.0.1:0", Sharing::Group).expect("the address is free")
/// });
///
/// #[egret::main(cores = 2)]
/// async fn main(core: Core) -> std::io::Result<()> {
///     let share = SHARES.share(&core)?;
///     # core.shutdown().request(); // a server would wait for it
///     share.serve(core.shutdown()).run(|mut client, peer| async move {
///         let _ = client.write_all(format!("hello, {peer}\n").as_bytes()).await;
///     }).await
/// }
/// ```
///
/// # Panics
///
/// When the runtime, or a thread of a core, cannot be made, unless the function returns a `Result`; with the panic of
/// the first core that panics.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let name = function::name_of(&item);
    let expanded = expand_main(arguments, item);
    expanded.unwrap_or_else(|error| {
        let mut tokens = error.into_tokens();
        if name.as_deref() == Some("main") {
            tokens.extend("fn main() {}".parse::<TokenStream>()); // avoids a second error about its absence
        }
        tokens
    })
}

fn expand_main(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let cores = Cores::parse(arguments.clone())?;
    let settings = match cores {
        Cores::None => Arguments::parse(arguments, Attribute::Main)?.settings,
        Cores::All | Cores::Count(_) => Settings::default(),
    };
    let parameters = if let Cores::None = cores { Parameters::None } else { Parameters::Core };
    let function = Function::parse(item, "main", parameters)?;
    let (name, egret) = (&function.name, settings.egret());
    let call = match cores {
        Cores::None if settings.is_default() => format!("{egret}::block_on({name}())"),
        Cores::None => format!("{egret}::macro_support::main({}, {name})", settings.expression("Report")),
        Cores::All => format!("::egret::macro_support::cores(::core::option::Option::None, {name})"),
        Cores::Count(count) => {
            format!("::egret::macro_support::cores(::core::option::Option::Some({count}), {name})")
        }
    };
    Ok(function.calling(&call, true))
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
/// Tasks that are left when the function returns are dropped. Its future need not be `Send`.
///
/// # Arguments
///
/// * `timeout = "5s"`: the time limit, a whole number of `ms`, `s` or `min`, in real time.
/// * `start_paused = true`: the clock of the runtime is paused before the function starts, as by
///   `egret::time::pause`. Needs feature `test-util` of egret.
/// * `unhandled_panic = "ignore"` or `"report"`: a task that is not awaited may panic; `"shutdown_runtime"` is the default.
/// * `name = "front"`: the name of the runtime, as by `Builder::name`.
/// * `flavor = "current_thread"`, for code that is ported from tokio: there is no other flavor.
/// * `crate = "server::egret"`: the path of egret in the code that the attribute makes, where it is not `::egret`.
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
    let arguments = Arguments::parse(arguments, Attribute::Test)?;
    let function = Function::parse(item, "test", Parameters::None)?;
    function.is_no_test_yet()?;
    let Arguments { timeout_ms, settings } = &arguments;
    let (egret, settings) = (settings.egret(), settings.expression("Shutdown"));
    let name = &function.name;
    let text = name.to_string();
    let text = text.trim_start_matches("r#");
    let call = format!(
        "{egret}::macro_support::test(
            {egret}::macro_support::Test {{
                name: ::core::concat!(::core::module_path!(), \"::{text}\"),
                timeout_ms: {timeout_ms},
                settings: {settings},
            }},
            {name},
        )"
    );
    let mut tokens: TokenStream = "#[::core::prelude::v1::test]".parse().expect("an attribute");
    tokens.extend(function.calling(&call, false));
    Ok(tokens)
}
