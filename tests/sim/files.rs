//! The static file server, between real files and simulated clients.

#[path = "../../examples/static_files.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod static_files;

use crate::world::{connect, swarm};
use egret::net::TcpListener;
use egret::shutdown::Shutdown;
use egret::sim::{self, Sim};
use egret::time::{Instant, sleep};
use static_files::folder::Folder;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const LEN: usize = 1_500_000;
const GET: &[u8] = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

/// A folder with one file in it, removed with its test.
struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Site {
        let site = Site(std::env::temp_dir().join(format!("egret-sim-{name}-{}", std::process::id())));
        fs::create_dir_all(&site.0).unwrap();
        site.write("large", &crate::world::payload(LEN, 0));
        site
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        // Long ago: the tag of a file that has just changed is another one.
        fs::File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// With send buffers of a megabyte; Linux lets them grow to four.
fn server(sim: &Sim, folder: &Path) -> SocketAddr {
    sim.buffers(1 << 20, 64 << 10);
    let (server, folder) = (sim.host("server"), folder.to_owned());
    server.server(move || {
        let folder = Folder::open(&folder).unwrap();
        async move {
            let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
            static_files::serve(listener, folder, &Shutdown::new()).await.unwrap();
        }
    });
    server.port(80)
}

/// Room in such a buffer would come when a third of it is free: after 85 seconds at this speed.
#[test]
fn a_client_that_takes_four_kilobytes_a_second_gets_all_of_a_file() {
    let site = Site::new("steady");
    sim::check(0..4, |sim| {
        let address = server(sim, &site.0);
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            stream.write_all(GET).await.unwrap();
            let (mut taken, mut buf) = (Vec::new(), [0; 4000]);
            while taken.len() < LEN {
                sleep(Duration::from_secs(1)).await;
                let n = stream.read(&mut buf).await.unwrap();
                assert_ne!(n, 0, "the end after {} bytes", taken.len());
                taken.extend_from_slice(&buf[..n]);
            }
            let head = taken.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            while taken.len() < head + LEN {
                let n = stream.read(&mut buf).await.unwrap();
                taken.extend_from_slice(&buf[..n]);
            }
            assert!(taken[head..] == crate::world::payload(LEN, 0));
        });
    });
}

/// The least is 64 KiB in a minute, which is a little more than 1000 bytes a second.
#[test]
fn a_client_that_takes_less_than_the_least_is_cut_off() {
    let site = Site::new("stalls");
    sim::check(0..4, |sim| {
        let address = server(sim, &site.0);
        let takes = [0, 1, 100][sim.choose(0..=2) as usize];
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            stream.write_all(GET).await.unwrap();
            let (begin, mut taken, mut buf) = (Instant::now(), 0, vec![0; takes]);
            // What has come can be read after a reset too, so that a write is what finds it.
            while stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
                if takes > 0 {
                    taken += stream.read(&mut buf).await.unwrap();
                }
            }
            let ended = begin.elapsed();
            // The first pieces go into the buffers at once.
            assert!(ended >= Duration::from_secs(60) && ended < Duration::from_secs(130), "{ended:?}");
            assert!(taken < 130_000, "{taken}");
        });
    });
}

/// Answers of 4 KiB and of nothing, and one connection after another until each is whole.
#[test]
fn a_file_is_whole_or_the_connection_dies_under_a_swarm_of_faults() {
    let site = Site::new("swarm");
    let content = crate::world::payload(4096, 1);
    site.write("small", &content);
    sim::check(0..200, |sim| {
        swarm(sim);
        let (server, folder) = (sim.host("server"), site.0.clone());
        server.server(move || {
            let folder = folder.clone();
            async move {
                loop {
                    if let Ok(listener) = TcpListener::bind("0.0.0.0:80").await {
                        let folder = Folder::open(&folder).unwrap();
                        let _ = static_files::serve(listener, folder, &Shutdown::new()).await;
                    }
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
        let address = server.port(80);
        for number in 0..sim.up_to(3) {
            let content = content.clone();
            sim.host(&format!("client{number}")).client(async move {
                let small = "GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                let whole = loop {
                    let all = get(address, small).await;
                    let head = all.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4);
                    match head {
                        Some(head)
                            if all.starts_with(b"HTTP/1.1 200 ") && all.len() == head + content.len() =>
                        {
                            break all[head..].to_vec();
                        }
                        _ => sleep(Duration::from_millis(20)).await,
                    }
                };
                assert!(whole == content);
            });
        }
    });
}

/// What comes of an answer until its end or an error.
async fn get(address: SocketAddr, request: &str) -> Vec<u8> {
    let (mut stream, mut all, mut buf) = (connect(address).await, Vec::new(), [0; 1500]);
    if stream.write_all(request.as_bytes()).await.is_ok() {
        while let Ok(n @ 1..) = stream.read(&mut buf).await {
            all.extend_from_slice(&buf[..n]);
        }
    }
    all
}
