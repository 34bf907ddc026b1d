//! The adapter to `prometheus-client`, scraped by Debian's Prometheus.

mod common;

use common::{PATIENCE, Server, have, output, start_on_free_port};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn server() -> Server {
    let server = Server::start(env!("CARGO_BIN_EXE_prometheus"), &["127.0.0.1:0"]);
    for path in ["", "", "", "no", "neither"] {
        output("curl", &["-sS", &format!("http://{}/{path}", server.address)]);
    }
    server
}

/// Whether a line is a sample of this, of the only loop, with a value that is not 0.
fn counts(text: &str, name: &str) -> bool {
    let samples = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("{loop=\"1\"} "));
    samples.map(|value| value.parse::<f64>().unwrap()).any(|value| value > 0.0)
}

#[test]
fn a_scrape_has_the_servers_own_counter_and_egrets_numbers() {
    let server = server();
    let url = format!("http://{}/metrics", server.address);
    let (mut text, deadline) = (String::new(), Instant::now() + PATIENCE);
    // A loop that did not answer within 50 ms, on a busy machine, has no counts in a scrape.
    while !text.contains("\negret_stuck_seconds{loop=\"1\"} 0.0\n") {
        assert!(Instant::now() < deadline, "{text}");
        text = output("curl", &["-sS", "-i", &url]);
    }
    assert!(text.contains("application/openmetrics-text; version=1.0.0"), "{text}");
    assert!(text.contains("\nhttp_requests_total{path=\"/\"} 3\n"), "{text}");
    assert!(text.contains("\nhttp_requests_total{path=\"other\"} 2\n"), "{text}");
    for name in ["egret_polls_total", "egret_local_wakes_total", "egret_tasks", "egret_blocking_jobs"] {
        assert!(counts(&text, name), "{name}: {text}"); // the job is the one that encodes this
    }
    for name in ["egret_poll", "egret_wake_delay", "egret_turn", "egret_timer_lateness"] {
        let bucket = format!("\n{name}_seconds_bucket{{le=\"+Inf\",loop=\"1\"}} ");
        assert_eq!(text.matches(&bucket).count(), 1, "{name}: {text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    server.interrupt();
    assert_eq!(server.wait(), (Default::default(), String::new()));
}

/// Prometheus, with its database in a folder of its own.
struct Prometheus {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Prometheus {
    fn scraping(server: &Server) -> Prometheus {
        let folder = std::env::temp_dir().join(format!("egret-prometheus-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        let targets = format!("[{{job_name: egret, static_configs: [{{targets: ['{}']}}]}}]", server.address);
        fs::write(&config, format!("global: {{scrape_interval: 1s}}\nscrape_configs: {targets}\n")).unwrap();
        let start = |port| {
            Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let answers = |port| {
            let url = format!("http://127.0.0.1:{port}/-/ready");
            Command::new("curl").args(["-sf", "--max-time", "10", &url]).output().unwrap().status.success()
        };
        let (child, port) = start_on_free_port(start, answers);
        Prometheus { child, folder, address: format!("127.0.0.1:{port}") }
    }

    /// The value of a query that has one result, once it has one.
    fn value(&self, query: &str) -> f64 {
        let (deadline, url) = (Instant::now() + PATIENCE, format!("http://{}/api/v1/query", self.address));
        let args = ["-sS", "--get", "--data-urlencode", &format!("query={query}"), &url];
        loop {
            let answer = Command::new("curl").args(args).output().unwrap();
            let text = String::from_utf8(answer.stdout).unwrap();
            // As in {"metric":{"loop":"1"},"value":[1700000000.123,"42"]}.
            let value = text.split_once("\"value\":[").and_then(|(_, value)| value.split('"').nth(1));
            if let Some(value) = value {
                return value.parse().unwrap();
            }
            assert!(Instant::now() < deadline, "{query}: {text}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn prometheus_scrapes_it() {
    if !have("prometheus", "prometheus") {
        return;
    }
    let server = server();
    let prometheus = Prometheus::scraping(&server);
    assert_eq!(prometheus.value("http_requests_total{path='/'}"), 3.0);
    // A scrape has a second, which on a busy machine may not be enough for one of them.
    assert_eq!(prometheus.value("up == 1"), 1.0);
    assert!(prometheus.value("egret_polls_total{loop='1'}") > 5.0);
    assert!(prometheus.value("egret_tasks") >= 1.0);
    assert!(prometheus.value("egret_poll_seconds_count") > 5.0);
    // Every poll is in the last bucket, and they took some time.
    let whole = "egret_poll_seconds_count == ignoring(le) egret_poll_seconds_bucket{le='+Inf'}";
    assert!(prometheus.value(whole) > 5.0);
    let middle = prometheus.value("histogram_quantile(0.5, egret_poll_seconds_bucket)");
    assert!(middle > 0.0 && middle < 10.0, "{middle}");
    assert!(prometheus.value("egret_poll_seconds_sum") > 0.0);
}
