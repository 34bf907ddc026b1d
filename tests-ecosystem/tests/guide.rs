//! The tests of `docs/guide/6-testing-it.md`, of the program in `docs/guide/5-ending-well.md`. The other
//! programs of the guide are documentation tests of this package, except that of `docs/guide/7-tls.md`, which is tested
//! in `tests/guide_tls.rs`.

#[allow(dead_code)] // its `main`
#[path = "../guide/shout.rs"]
mod shout;

use egret::net::{TcpListener, TcpStream};
use egret::runtime::Runtime;
use egret::shutdown::{Drained, Shutdown};
use egret::test::LeakGuard;
use egret::time::{self, Instant};
use std::io;
use std::net::SocketAddr;

/// The server on a free port.
async fn start(shutdown: &Shutdown) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, shutdown) = (listener.local_addr()?, shutdown.clone());
    egret::spawn(async move { shout::serve(listener, &shutdown).await });
    Ok(address)
}

#[egret::test]
async fn lines_come_back_in_capitals_however_they_are_cut() -> io::Result<()> {
    let shutdown = Shutdown::new();
    let mut client = TcpStream::connect(start(&shutdown).await?).await?;
    client.write_all(b"hel").await?;
    client.write_all(b"lo\nwor").await?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HELLO\n");
    client.write_all(b"ld\n").await?;
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"WORLD\n");
    Ok(())
}

#[egret::test]
async fn a_client_that_is_silent_is_let_go_after_thirty_seconds() -> io::Result<()> {
    time::pause(); // from here on an idle loop goes to the next deadline at once
    let shutdown = Shutdown::new();
    let mut client = TcpStream::connect(start(&shutdown).await?).await?;
    let since = Instant::now();
    assert_eq!(client.read(&mut [0; 16]).await?, 0);
    assert_eq!(since.elapsed(), shout::PATIENCE);
    Ok(())
}

#[egret::test]
async fn a_line_without_an_end_is_not_kept() -> io::Result<()> {
    let shutdown = Shutdown::new();
    let mut client = TcpStream::connect(start(&shutdown).await?).await?;
    client.write_all(&[b'x'; shout::LONGEST]).await?;
    assert_eq!(client.read(&mut [0; 16]).await?, 0);
    Ok(())
}

#[test]
fn the_end_closes_idle_connections_and_leaves_nothing_behind() -> io::Result<()> {
    let rt = Runtime::new()?;
    let guard = LeakGuard::runtime(&rt);
    rt.block_on(async {
        let shutdown = Shutdown::new();
        let mut client = TcpStream::connect(start(&shutdown).await?).await?;
        client.write_all(b"hello\n").await?;
        client.read_exact(&mut [0; 6]).await?;
        assert_eq!(shutdown.drain(shout::DRAIN).await, Drained::Clean);
        assert_eq!(client.read(&mut [0; 16]).await?, 0);
        io::Result::Ok(())
    })?;
    guard.finish();
    Ok(())
}

mod pages {
    fn blocks(page: &str) -> Vec<&str> {
        page.split("```rust\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
    }

    #[test]
    fn the_page_on_ending_well_shows_the_program_that_is_tested() {
        let page = include_str!("../../docs/guide/5-ending-well.md");
        assert_eq!(blocks(page), [include_str!("../guide/shout.rs")]);
    }

    #[test]
    fn the_page_on_testing_shows_these_tests() {
        let (page, tests) = (include_str!("../../docs/guide/6-testing-it.md"), include_str!("guide.rs"));
        let first = tests.find("use egret::net").unwrap();
        let last = tests.find("\nmod pages").unwrap();
        assert_eq!(blocks(page).join("\n"), tests[first..last]);
    }
}
