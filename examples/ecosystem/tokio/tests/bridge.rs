//! What the bridge does, as docs/ecosystem.md says it.

use async_compat::CompatExt;
use egret::net::TcpListener;
use egret::runtime::Builder;
use sqlx::sqlite::SqlitePoolOptions;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);

/// Answers one request on each connection, on the loop of the caller.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    egret::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            egret::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut buffer = [0; 1024];
                    match stream.read(&mut buffer).await {
                        Ok(n @ 1..) => head.extend_from_slice(&buffer[..n]),
                        _ => return, // a pool may open a connection and not use it
                    }
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    address
}

/// Any of rustls's cryptography will do; none is used.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default(); // or another test has
    reqwest::Client::new()
}

async fn get(client: reqwest::Client, address: SocketAddr) -> String {
    client.get(format!("http://{address}/")).send().await.unwrap().text().await.unwrap()
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast::<String>()
        .map_or_else(|panic| panic.downcast_ref::<&str>().unwrap().to_string(), |text| *text)
}

#[test]
fn reqwest_runs_in_a_task_and_in_block_on() {
    egret::block_on(async {
        let address = server().await;
        let client = client();
        assert_eq!(get(client.clone(), address).compat().await, "hi");
        let tasks: Vec<_> = (0..10).map(|_| egret::spawn(get(client.clone(), address).compat())).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "hi");
        }
    });
}

#[test]
fn a_client_may_outlive_the_loop_that_it_was_first_used_on() {
    let client = client();
    for _ in 0..2 {
        let got = egret::block_on(async { get(client.clone(), server().await).compat().await });
        assert_eq!(got, "hi");
    }
}

#[test]
fn without_the_bridge_the_panic_is_this() {
    const MESSAGE: &str =
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

    let sleeps = || egret::block_on(async { tokio::time::sleep(Duration::ZERO).await });
    assert_eq!(message(catch_unwind(sleeps).unwrap_err()), MESSAGE);
    // The call looks for the reactor before `.compat()` is reached.
    let too_late = || egret::block_on(async { tokio::time::sleep(Duration::ZERO).compat().await });
    assert_eq!(message(catch_unwind(too_late).unwrap_err()), MESSAGE);
}

#[test]
fn without_the_bridge_the_libraries_say_that_or_what_sqlx_says() {
    let asks = |library: Pin<Box<dyn Future<Output = ()>>>| {
        let panic = catch_unwind(AssertUnwindSafe(|| egret::block_on(library)));
        message(panic.unwrap_err())
    };
    // Port 9 of this host discards, if it is open at all: none gets as far as that.
    let reactor = "there is no reactor running, must be called from the context of a Tokio 1.x runtime";
    let reqwest = async { drop(client().get("http://127.0.0.1:9").send().await) };
    assert_eq!(asks(Box::pin(reqwest)), reactor);
    let redis = async {
        let client = redis::Client::open("redis://127.0.0.1:9").unwrap();
        drop(client.get_multiplexed_async_connection().await);
    };
    assert_eq!(asks(Box::pin(redis)), reactor);
    let sqlx = async { drop(SqlitePoolOptions::new().connect("sqlite::memory:").await) };
    assert_eq!(asks(Box::pin(sqlx)), "this functionality requires a Tokio context");
}

#[test]
fn a_pool_outlives_the_loop_that_opened_it_with_its_connections() {
    let open = async {
        // One connection, so that there is one database, which goes with it.
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::query("create table kept (n integer)").execute(&pool).await.unwrap();
        pool
    };
    let pool = egret::block_on(open.compat());
    let other = pool.clone();
    let insert = async move { sqlx::query("insert into kept values (7)").execute(&other).await.unwrap() };
    thread::spawn(|| egret::block_on(insert.compat()).rows_affected()).join().unwrap();
    let read = async { sqlx::query_scalar::<_, i64>("select n from kept").fetch_one(&pool).await.unwrap() };
    assert_eq!(egret::block_on(read.compat()), 7);
    egret::block_on(pool.close().compat());
}

#[test]
fn what_is_spawned_on_tokio_runs_on_the_one_thread_of_the_bridge_and_the_future_itself_on_egrets() {
    egret::block_on(
        async {
            let here = thread::current().id();
            let name = || thread::current().name().unwrap().to_owned();
            let mut threads = Vec::new();
            for _ in 0..10 {
                threads.push(tokio::spawn(async move { (name(), thread::current().id()) }).await.unwrap());
            }
            assert!(threads.iter().all(|thread| *thread == threads[0] && thread.0 == "async-compat/tokio-1"));
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(thread::current().id(), here);
            assert_ne!(here, threads[0].1);
        }
        .compat(),
    );
}

#[test]
fn a_clock_of_egrets_that_is_paused_does_not_move_and_tokios_goes_on() {
    let rt = Builder::new().start_paused(true).build().unwrap();
    rt.block_on(async {
        let (real, egrets) = (Instant::now(), egret::time::Instant::now());
        async { tokio::time::sleep(Duration::from_millis(20)).await }.compat().await;
        assert!(real.elapsed() >= Duration::from_millis(20));
        assert_eq!(egrets.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_task_on_tokio_goes_on_after_the_loop_has_ended() {
    let (send, receive) = std::sync::mpsc::channel();
    egret::block_on(
        async {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                send.send(()).unwrap();
            });
        }
        .compat(),
    );
    receive.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_panic_is_that_of_the_task_in_which_it_happened() {
    egret::block_on(async {
        let ours = egret::spawn(async { panic!("ours") }.compat());
        let error: egret::task::JoinError = ours.await.unwrap_err();
        assert_eq!(message(error.into_panic()), "ours");
        let theirs = async { tokio::spawn(async { panic!("theirs") }).await.unwrap_err() }.compat().await;
        assert_eq!(message(theirs.into_panic()), "theirs");
    });
    // `.compat()` on a future that is in no runtime at all is tokio's error no more, but egret's.
    let nowhere = catch_unwind(AssertUnwindSafe(|| drop(egret::spawn(async {}.compat()))));
    assert!(message(nowhere.unwrap_err()).contains("there is no egret runtime on this thread"));
}
