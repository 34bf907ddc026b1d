//! What the attributes do. The tests that are to fail are run by others, in a process of their own.

use egret::task::yield_now;
use egret::time::{self, Duration, Instant};
use std::cell::Cell;
use std::future::pending;
use std::process::Command;
use std::rc::Rc;

// ---- What passes -----------------------------------------------------------------------------------

#[egret::test]
async fn a_test_runs_on_a_runtime_and_need_not_be_send() {
    let shared = Rc::new(Cell::new(0));
    let theirs = shared.clone();
    egret::spawn(async move { theirs.set(7) }).await.unwrap();
    assert_eq!(shared.get(), 7);
}

#[egret::test]
async fn a_test_may_return_a_result() -> std::io::Result<()> {
    let listener = egret::net::TcpListener::bind("127.0.0.1:0").await?;
    listener.local_addr()?;
    Ok(())
}

#[egret::test]
async fn a_panic_that_is_awaited_is_no_failure() {
    let task = egret::spawn(async { panic!("as it is to be") });
    assert!(task.await.unwrap_err().is_panic());
}

#[egret::test]
#[should_panic(expected = "in the test itself")]
async fn a_test_may_be_one_that_should_panic() {
    yield_now().await;
    panic!("in the test itself");
}

#[egret::test]
#[should_panic(expected = "panicked: in the background")]
async fn the_panic_of_a_task_is_one_that_a_test_may_expect() {
    egret::spawn(async { panic!("in the background") });
    pending().await
}

#[egret::test]
async fn a_task_that_is_left_when_the_test_is_done_is_dropped() {
    egret::spawn(pending::<()>());
}

/// With documentation, a visibility and another attribute.
#[allow(dead_code, reason = "for the attribute's sake")]
#[egret::test(timeout = "2 min")]
pub(crate) async fn r#fn() -> Result<(), String> {
    Ok(())
}

#[egret::test(start_paused = true, timeout = "20s")]
async fn a_paused_clock_needs_no_time_and_the_limit_is_by_the_clock_on_the_wall() {
    let start = Instant::now();
    time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(86_400));
}

#[egret::test(start_paused = false)]
async fn a_clock_is_not_paused_unless_the_test_says_so() {
    time::pause(); // panics on one that is
}

#[egret::test(flavor = "current_thread", name = "front", unhandled_panic = "report")]
async fn a_runtime_has_the_settings_of_the_attribute() {
    assert_eq!(egret::runtime::Handle::current().name(), Some("front"));
    drop(egret::spawn(async { panic!("reported, and no failure") }));
    yield_now().await;
    yield_now().await;
}

#[egret::test(unhandled_panic = "shutdown_runtime")]
#[should_panic(expected = "panicked: in the background")]
async fn a_test_may_say_what_it_does_anyway() {
    drop(egret::spawn(async { panic!("in the background") }));
    pending().await
}

mod configured {
    use egret::time::{Duration, Instant, sleep};

    #[egret::main(flavor = "current_thread", start_paused = true, name = "paused")]
    async fn paused() -> (Option<String>, Duration) {
        let start = Instant::now();
        sleep(Duration::from_secs(3600)).await;
        (egret::runtime::Handle::current().name().map(str::to_owned), start.elapsed())
    }

    #[egret::main(unhandled_panic = "shutdown_runtime")]
    async fn strict() {
        drop(egret::spawn(async { panic!("ends the runtime") }));
        std::future::pending().await
    }

    #[egret::main(unhandled_panic = "ignore", flavor = "local")]
    async fn lax() -> u32 {
        drop(egret::spawn(async { panic!("of no interest") }));
        egret::task::yield_now().await;
        42
    }

    #[test]
    fn main_has_the_settings_of_the_attribute() {
        assert_eq!(paused(), (Some("paused".to_owned()), Duration::from_secs(3600)));
        let message = *std::panic::catch_unwind(strict).unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("ends the runtime"), "{message}");
        assert_eq!(lax(), 42);
    }
}

mod nested {
    #[egret::main]
    async fn answer() -> Result<u32, String> {
        egret::task::yield_now().await;
        let six = egret::spawn(async { 6 }).await.map_err(|error| error.to_string())?;
        Ok(six * 7)
    }

    #[test]
    fn main_runs_a_function_and_returns_what_it_does() {
        assert_eq!(answer(), Ok(42));
    }
}

// ---- What fails ------------------------------------------------------------------------------------

mod failing {
    use super::*;

    #[egret::test]
    #[ignore = "fails, which a test below checks"]
    async fn a_background_task_panics() {
        egret::spawn(async { panic!("boom") });
        time::sleep(Duration::from_secs(3600)).await;
    }

    #[egret::test]
    #[ignore = "fails, which a test below checks"]
    async fn a_handle_is_dropped_with_the_panic_at_the_end() {
        let _task = egret::spawn(async { panic!("boom") });
        yield_now().await;
    }

    #[egret::test]
    #[ignore = "fails, which a test below checks"]
    async fn a_destructor_panics_after_the_end() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("boom");
            }
        }
        let bomb = Bomb;
        egret::spawn(async move {
            let _bomb = bomb;
            pending::<()>().await
        });
    }

    #[egret::test]
    #[ignore = "fails, which a test below checks"]
    async fn it_returns_an_error() -> Result<(), String> {
        Err("the error of the test".to_owned())
    }

    #[egret::test(timeout = "50ms")]
    #[ignore = "fails, which a test below checks"]
    async fn it_waits_for_what_does_not_come() {
        pending().await
    }

    #[egret::test(timeout = "50ms")]
    #[ignore = "fails, which a test below checks"]
    async fn it_blocks_the_thread() {
        loop {
            std::thread::park();
        }
    }

    #[egret::test(timeout = "50ms")]
    #[ignore = "fails, which a test below checks"]
    async fn it_polls_without_an_end() {
        egret::spawn(async {
            loop {
                std::thread::yield_now(); // never Pending
            }
        })
        .await
        .unwrap()
    }

    #[egret::test(timeout = "50ms", start_paused = true)]
    #[ignore = "fails, which a test below checks"]
    async fn it_blocks_on_a_paused_clock() {
        time::sleep(Duration::from_secs(3600)).await;
        loop {
            std::thread::park();
        }
    }
}

/// Runs one of the tests of `failing` and returns what it wrote. It has failed.
fn failure(name: &str) -> String {
    let name = format!("attributes::failing::{name}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--ignored", "--test-threads", "1"])
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8([child.stdout, child.stderr].concat()).unwrap();
    assert!(!child.status.success() && text.contains("1 failed"), "{text}");
    text
}

#[test]
fn a_test_fails_when_a_background_task_panics_and_names_the_place_that_spawned_it() {
    let source = include_str!("attributes.rs").lines().enumerate();
    let spawns = source.filter(|(_, line)| line.trim() == "egret::spawn(async { panic!(\"boom\") });");
    let [(line, _)] = spawns.collect::<Vec<_>>()[..] else { panic!("which one?") };
    let text = failure("a_background_task_panics");
    assert!(text.contains(&format!("spawned at macros/tests/macros/attributes.rs:{}:", line + 1)), "{text}");
    assert!(text.contains("is over: task ") && text.contains(" panicked: boom"), "{text}");
}

#[test]
fn a_test_fails_when_what_it_leaves_behind_has_panicked_or_does() {
    for name in ["a_handle_is_dropped_with_the_panic_at_the_end", "a_destructor_panics_after_the_end"] {
        let text = failure(name);
        assert!(text.contains("spawned at macros/tests/macros/attributes.rs:"), "{text}");
        assert!(text.contains(" panicked: boom; its runtime was shut down"), "{text}");
    }
}

#[test]
fn a_test_fails_by_an_error_and_says_which() {
    let text = failure("it_returns_an_error");
    assert!(text.contains("Error: \"the error of the test\""), "{text}");
    assert!(
        text.contains("test macros::attributes::failing::it_returns_an_error returned an error"),
        "{text}"
    );
}

#[test]
fn a_test_that_hangs_in_whatever_way_fails_in_time_and_is_named() {
    let hangs = [
        "it_waits_for_what_does_not_come",
        "it_blocks_the_thread",
        "it_polls_without_an_end",
        "it_blocks_on_a_paused_clock",
    ];
    for name in hangs {
        let text = failure(name);
        let message = format!("test macros::attributes::failing::{name} is not done after 50ms: ");
        assert!(text.contains(&message), "{text}");
    }
}
