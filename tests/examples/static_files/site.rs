//! A folder with files, the server that serves it, and its answers.

use crate::server::{Client, Server};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const SECRET: &[u8] = b"what is outside of the folder";

/// A folder next to a secret, removed with its test.
pub(super) struct Site {
    pub(super) outside: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) server: Server,
}

impl Site {
    pub(super) fn new() -> Site {
        Site::of(|folder| Server::start("static_files", &[folder, "127.0.0.1:0"]))
    }

    pub(super) fn of(start: impl FnOnce(&str) -> Server) -> Site {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let outside = std::env::temp_dir().join(format!("egret-files-{}-{number}", std::process::id()));
        let folder = outside.join("site");
        fs::create_dir_all(folder.join("sub")).expect("a place for files");
        fs::write(outside.join("secret.txt"), SECRET).unwrap();
        fs::write(folder.join("index.html"), "<p>index</p>").unwrap();
        fs::write(folder.join("sub/index.html"), "<p>sub</p>").unwrap();
        fs::write(folder.join("digits.txt"), "0123456789").unwrap();
        fs::write(folder.join("a b%.bin"), "odd name").unwrap();
        fs::write(folder.join("empty"), "").unwrap();
        let server = start(folder.to_str().expect("text"));
        Site { outside, folder, server }
    }

    /// The answer to a request with these fields besides `Host`, over a connection of its own.
    pub(super) fn get(&self, target: &str, fields: &str) -> Answer {
        self.exchange(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    pub(super) fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.server.connect();
        client.send(request);
        client.answer(true)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.outside);
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> &str {
        let mut values =
            self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} twice");
        value
    }

    pub(super) fn outline(&self) -> (&str, &str, &str) {
        let content = std::str::from_utf8(&self.content).expect("text");
        (&self.status, self.field("Content-Range"), content)
    }
}

impl Client {
    pub(super) fn answer(&mut self, has_content: bool) -> Answer {
        let first = self.line();
        let status = first.trim_end().strip_prefix("HTTP/1.1 ").expect("a status line").to_owned();
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, fields, content: Vec::new() };
        assert!(!answer.field("Date").is_empty(), "{answer:?}");
        if answer.status == "304 Not Modified" {
            assert_eq!(answer.field("Content-Length"), "", "it has no content to have one");
            return answer;
        }
        let len = answer.field("Content-Length").parse().expect("a length in every other answer");
        if has_content {
            answer.content = self.exactly(len);
        }
        answer
    }
}
