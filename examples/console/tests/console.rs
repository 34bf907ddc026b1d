//! The program with a real client of tokio-console's protocol, over the socket that the `tokio-console` command uses.

use console_api::Field;
use console_api::field::Name;
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use console_api::resources::Resource;
use console_api::tasks::{Stats, Task};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

/// How long anything here may take. Nothing takes as long on a busy machine, and a hang is for ever.
const PATIENCE: Duration = Duration::from_secs(300);

struct Program {
    child: Child,
    socket: PathBuf,
}

impl Program {
    /// Starts it, and returns the address that it echoes on.
    fn start() -> (Program, String) {
        let name = format!("egret-console-{}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_console"))
            .arg(&socket)
            .env("TOKIO_CONSOLE_PUBLISH_INTERVAL", "50ms")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        (Program { child, socket }, address)
    }

    async fn connect(&self) -> InstrumentClient<Channel> {
        let path = self.socket.clone();
        // The address is of no account: the connector goes to the socket.
        let endpoint = Endpoint::from_static("http://console");
        loop {
            let path = path.clone();
            let connector = tower::service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            match endpoint.connect_with_connector(connector).await {
                Ok(channel) => return InstrumentClient::new(channel),
                // Its thread has not bound the socket yet; the test's patience bounds this.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What the updates so far say.
#[derive(Default)]
struct Seen {
    /// By the number of the span.
    tasks: BTreeMap<u64, Task>,
    stats: BTreeMap<u64, Stats>,
    resources: BTreeMap<u64, Resource>,
    /// What the descriptors were reported to be.
    readiness: Vec<String>,
}

impl Seen {
    fn add(&mut self, update: Update) {
        let tasks = update.task_update.unwrap_or_default();
        assert_eq!(tasks.dropped_events, 0);
        self.tasks.extend(tasks.new_tasks.into_iter().map(|task| (task.id.unwrap().id, task)));
        self.stats.extend(tasks.stats_update);
        let resources = update.resource_update.unwrap_or_default();
        self.resources.extend(resources.new_resources.into_iter().map(|new| (new.id.unwrap().id, new)));
        let attributes = resources.stats_update.into_values().flat_map(|stats| stats.attributes);
        self.readiness.extend(attributes.filter_map(|attribute| {
            let field = attribute.field.unwrap();
            (name(&field) == "readiness").then(|| field.value.unwrap().to_string())
        }));
    }

    /// The task that has this name, and its counts.
    fn named(&self, name: &str) -> Option<(&Task, &Stats)> {
        let named = |task: &&Task| field(task, "task.name").is_some_and(|found| found.starts_with(name));
        let task = self.tasks.values().find(named)?;
        Some((task, self.stats.get(&task.id.unwrap().id)?))
    }
}

fn name(field: &Field) -> &str {
    match field.name.as_ref().unwrap() {
        Name::StrName(name) => name,
        Name::NameIdx(_) => panic!("the subscriber sends names as they are"),
    }
}

fn field(task: &Task, wanted: &str) -> Option<String> {
    let found = task.fields.iter().find(|field| name(field) == wanted)?;
    let value = found.value.as_ref()?.to_string();
    Some(value.trim_matches('"').to_owned())
}

fn polls(stats: &Stats) -> u64 {
    stats.poll_stats.as_ref().map_or(0, |stats| stats.polls)
}

async fn watch(program: &Program, address: &str) {
    let mut client = program.connect().await;
    let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();

    let mut echo = TcpStream::connect(address).unwrap();
    echo.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 5];
    for _ in 0..3 {
        echo.write_all(b"hello").unwrap();
        echo.read_exact(&mut answer).unwrap();
    }

    let mut seen = Seen::default();
    loop {
        seen.add(updates.message().await.unwrap().expect("the program lives"));
        let Some((task, ticker)) = seen.named("ticker") else { continue };
        let Some((_, restless)) = seen.named("restless") else { continue };
        let Some((_, echo)) = seen.named("echo 127.0.0.1:") else { continue };
        if ticker.wakes < 3 || restless.self_wakes < 30 || polls(echo) < 3 || seen.readiness.is_empty() {
            continue;
        }
        assert_eq!(field(task, "kind").unwrap(), "local");
        assert!(task.location.as_ref().unwrap().file.as_ref().unwrap().ends_with("src/main.rs"));
        assert!(seen.tasks.values().any(|task| field(task, "kind").unwrap() == "block_on"));

        // A poll to a wake and one to begin with. The subscriber reads one count after the other, and the task may have gone on
        // in between: then a later update has both.
        let even = |stats: &&Stats| [stats.wakes, stats.wakes + 1].contains(&polls(stats));
        if let Some(uneven) = [ticker, restless, echo].into_iter().find(|stats| !even(stats)) {
            println!("not as many polls as wakes: {uneven:?}");
            continue;
        }
        // What the console warns of. One waker each, so none is said to be lost.
        for stats in [ticker, restless, echo] {
            assert_eq!((stats.waker_clones, stats.waker_drops), (1, 0));
        }
        assert_eq!((ticker.self_wakes, echo.self_wakes), (0, 0));
        assert!(
            restless.self_wakes * 10 >= restless.wakes * 9,
            "ten of eleven wakes are its own: {restless:?}"
        );

        // Two descriptors: the listener and the connection.
        assert_eq!(seen.resources.len(), 2, "{:?}", seen.resources);
        assert!(seen.resources.values().all(|resource| resource.concrete_type == "Registration"));
        assert!(seen.readiness.iter().any(|readiness| readiness.contains("IN|OUT")), "{:?}", seen.readiness);
        return;
    }
}

#[test]
fn a_client_of_the_console_sees_tasks_by_name_their_polls_and_wakes_and_the_descriptors() {
    let (program, address) = Program::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let watched = runtime.block_on(async { tokio::time::timeout(PATIENCE, watch(&program, &address)).await });
    watched.expect("the console is told of everything in time");
}
