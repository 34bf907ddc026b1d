//! Several programs on a host: those of the test, and those that others start by `process::Command`.

use crate::outside::refusal;
use crate::report::report;
use crate::world::{connect, what_connections_survive};
use egret::net::{TcpListener, TcpStream};
use egret::process::{Child, Command};
use egret::sim::{self, Host, Process, Sim};
use egret::time::{sleep, timeout};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

/// A host with some programs, and a client on it.
fn host(sim: &Sim) -> Host {
    what_connections_survive(sim);
    let host = sim.host("host");
    host.install("copy", copy);
    host.install("wait", |_| pending());
    host.install("fill", |process: Process| async move {
        process.stdout.unwrap().write_all(&[7; 100_000]).await.map_or(1, |()| 0)
    });
    host
}

/// Writes what it reads, and ends with the number of its arguments.
async fn copy(process: Process) -> u8 {
    let (mut stdin, mut stdout) = (process.stdin.unwrap(), process.stdout.unwrap());
    let mut buf = [0; 100];
    while let Ok(n @ 1..) = stdin.read(&mut buf).await {
        if stdout.write_all(&buf[..n]).await.is_err() {
            return 99;
        }
    }
    process.args.len() as u8
}

fn piped(name: &str) -> Child {
    Command::new(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_program_has_pipes_arguments_and_variables_and_an_exit_code() {
    sim::check(0..100, |sim| {
        let host = host(sim);
        host.install("tell", |process: Process| async move {
            let told = format!("{:?} {:?} {}", process.args, process.env, process.id);
            assert!(process.stdin.is_none() && process.stdout.is_none());
            process.stderr.unwrap().write_all(told.as_bytes()).await.unwrap();
            7
        });
        host.client(async {
            let mut child = Command::new("/usr/bin/copy")
                .args(["a", "b"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            stdin.write_all(b"hello").await.unwrap();
            assert!(child.try_wait().unwrap().is_none());
            drop(stdin);
            let mut echo = Vec::new();
            stdout.read_to_end(&mut echo).await.unwrap();
            assert_eq!(echo, b"hello");
            assert_eq!(child.wait().await.unwrap().code(), Some(2));
            assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(2));
            assert_eq!(child.id(), None);

            let mut tell = Command::new("tell");
            tell.args(["x", "y z"]).env("KEY", "value").env_remove("PATH").stderr(Stdio::piped());
            let child = tell.stdin(Stdio::null()).stdout(Stdio::inherit()).spawn().unwrap();
            let pid = child.id().unwrap();
            assert!(pid > 1 << 22, "a real process may have the pid {pid}");
            let output = child.wait_with_output().await.unwrap();
            assert_eq!(output.status.code(), Some(7));
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(told, format!("[\"x\", \"y z\"] {{\"KEY\": \"value\"}} {pid}"));
        });
    });
}

#[test]
fn a_program_that_is_not_installed_is_not_found_and_what_is_not_simulated_is_named() {
    sim::check(0..1, |sim| {
        let host = sim.host("host");
        host.install("wait", |_| pending());
        sim.host("other").client(async {
            let error = Command::new("/bin/wait").spawn().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            let why = "host \"other\" has no program \"/bin/wait\": the test gives it one by Host::install(\"wait\", ..)";
            assert_eq!(error.to_string(), why);
        });
        host.client(async {
            let refused = refusal(Command::new("wait").current_dir("/tmp").spawn());
            assert!(refused.starts_with("the directory of a process (Command::current_dir) is"), "{refused}");
            let null = std::fs::File::open("/dev/null").unwrap();
            let refused = refusal(Command::new("wait").stderr(null).spawn());
            assert!(refused.starts_with("a descriptor as the stderr of a process is"), "{refused}");
        });
    });
}

#[test]
fn a_pipe_has_room_for_64_kib_and_ends_with_the_program() {
    sim::check(0..50, |sim| {
        host(sim).client(async {
            let mut child = piped("fill");
            assert!(timeout(Duration::from_secs(5), child.wait()).await.is_err(), "the pipe is full");
            let mut all = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut all).await.unwrap();
            assert_eq!(all, [7; 100_000]);
            assert_eq!(child.wait().await.unwrap().code(), Some(0));

            // What a program has written is read after its end, and then the pipe has ended.
            let mut child = piped("copy");
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(b"last").await.unwrap();
            sleep(1000 * MILLI).await;
            child.kill().await.unwrap();
            assert_eq!(stdin.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            let mut all = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"last");

            // A program whose output has no reader.
            let mut child = piped("fill");
            drop(child.stdout.take());
            assert_eq!(child.wait().await.unwrap().code(), Some(1));
        });
    });
}

#[test]
fn a_kill_ends_a_program_with_all_that_it_has() {
    sim::check(0..100, |sim| {
        let host = host(sim);
        let dropped = Rc::new(Cell::new(0));
        let counted = dropped.clone();
        host.install("serve", move |_| {
            struct Counted(Rc<Cell<i32>>);
            impl Drop for Counted {
                fn drop(&mut self) {
                    self.0.set(self.0.get() + 1);
                }
            }
            let counted = Counted(counted.clone());
            async move {
                let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let _task = egret::spawn(async move {
                    let _counted = counted;
                    let _ = stream.read(&mut [0]).await;
                });
                pending().await
            }
        });
        host.client(async move {
            let mut child = Command::new("serve").spawn().unwrap();
            let mut stream = connect(([127, 0, 0, 1], 7).into()).await;
            sleep(100 * MILLI).await;
            child.start_kill().unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(9));
            child.start_kill().unwrap(); // nothing
            assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "its connection has ended");
            // Its port is free again.
            drop(TcpListener::bind("0.0.0.0:7").await.unwrap());
            sleep(MILLI).await; // the destructors are run after this turn
            assert_eq!(dropped.get(), 1);

            let child = Command::new("serve").kill_on_drop(true).spawn().unwrap();
            let stream = connect(([127, 0, 0, 1], 7).into()).await;
            drop((child, stream));
            sleep(100 * MILLI).await;
            drop(TcpListener::bind("0.0.0.0:7").await.unwrap());
            // One that is dropped goes on otherwise.
            drop(Command::new("serve").spawn().unwrap());
            drop(connect(([127, 0, 0, 1], 7).into()).await);
        });
    });
}

#[test]
fn a_group_is_killed_as_a_whole_and_an_orphan_goes_on() {
    sim::check(0..50, |sim| {
        let host = host(sim);
        host.install("nest", |_| async {
            let _child = Command::new("wait").kill_on_drop(true).spawn().unwrap();
            pending().await
        });
        let ours = host.clone();
        host.client(async move {
            let running =
                |name| ours.signal_to(name, egret::signal::unix::SignalKind::from_raw(libc::SIGCONT));
            let mut child = Command::new("nest").process_group(0).spawn().unwrap();
            sleep(100 * MILLI).await;
            assert_eq!((running("nest"), running("wait")), (1, 1));
            child.kill_group().await.unwrap();
            assert_eq!((running("nest"), running("wait")), (0, 0));

            // SIGKILL runs no destructor: what it started goes on.
            let mut child = Command::new("nest").spawn().unwrap();
            let error = child.start_kill_group().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "it leads no group");
            sleep(100 * MILLI).await;
            child.kill().await.unwrap();
            assert_eq!((running("nest"), running("wait")), (0, 1));
        });
    });
}

#[test]
fn the_programs_of_a_host_share_its_ports_and_have_their_own_descriptors() {
    sim::check(0..50, |sim| {
        let host = sim.host("host");
        host.descriptor_limit(3); // a listener, a connection, and one to accept
        host.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            let mut held = Vec::new();
            loop {
                match listener.accept().await {
                    Ok((mut stream, _)) => {
                        stream.write_all(b"x").await.unwrap();
                        held.push(stream);
                    }
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                        held.clear();
                    }
                }
            }
        });
        let probe = host.program("probe");
        probe.client(async {
            sleep(10 * MILLI).await; // the other one has its port
            assert_eq!(TcpListener::bind("0.0.0.0:7").await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
            let mut held = Vec::new();
            for _ in 0..6 {
                let mut stream = TcpStream::connect("localhost:7").await.unwrap();
                stream.read_exact(&mut [0]).await.unwrap();
                held.push(stream);
            }
        });
        assert_eq!(probe.ip(), host.ip());
    });
}

#[test]
fn a_crash_ends_all_programs_of_a_host_and_a_restart_begins_with_those_of_the_test() {
    sim::check(0..100, |sim| {
        let host = host(sim);
        let starts = Rc::new(RefCell::new(Vec::new()));
        let (mains, others) = (starts.clone(), starts.clone());
        host.server(move || {
            mains.borrow_mut().push("main");
            async {
                let mut child = Command::new("wait").spawn().unwrap();
                let _ = child.wait().await;
                panic!("it has ended");
            }
        });
        host.program("other").server(move || {
            others.borrow_mut().push("other");
            pending()
        });
        let at = MILLI * sim.choose(1..=50) as u32;
        let (crashes, restarts, looks) = (host.clone(), host.clone(), host.clone());
        sim.at(at, move |_| crashes.crash());
        let continue_ = egret::signal::unix::SignalKind::from_raw(libc::SIGCONT);
        let running = move || looks.signal_to("wait", continue_);
        let gone = running.clone();
        sim.at(at + 50 * MILLI, move |_| {
            assert_eq!(gone(), 0);
            restarts.restart();
        });
        sim.host("client").client(async move {
            sleep(1000 * MILLI).await;
            assert_eq!(*starts.borrow(), ["main", "other", "main", "other"]);
            assert_eq!(running(), 1);
        });
    });
}

#[test]
fn a_program_that_panics_is_named() {
    let report = report(0..1, |sim| {
        let host = sim.host("host");
        host.install("worker", |_| async { panic!("no such table") });
        host.client(async { drop(Command::new("worker").status().await) });
    });
    assert!(report.contains("host/worker panicked: no such table"), "{report}");
}
