//! A real PostgreSQL, in a directory and on a port of its own.

use crate::common::{have, output, start_on_free_port};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server of a database, in a directory that goes with it.
pub struct Postgres {
    child: Child,
    directory: PathBuf,
    /// `127.0.0.1:PORT`, for the user `egret` and the database `postgres`.
    pub address: String,
}

impl Postgres {
    pub fn start() -> Option<Postgres> {
        if !have("initdb", "postgresql") || !have("postgres", "postgresql") {
            return None;
        }
        let directory = std::env::temp_dir().join(format!("egret-postgres-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory); // of another process with this number, which was killed
        std::fs::create_dir(&directory).unwrap();
        let user = Unprivileged::find()?;
        user.give(&directory);
        let data = directory.join("data");
        let initdb = user
            .command("initdb")
            .args(["--auth=trust", "--username=egret", "--no-sync", "--locale=C", "--encoding=UTF8", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));

        let start = |port: u16| {
            user.command("postgres")
                .arg("-D")
                .arg(&data)
                .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off", "-k"])
                .arg(&directory)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        // It listens before it is ready.
        let (child, port) = start_on_free_port(start, ready);
        Some(Postgres { child, directory, address: format!("127.0.0.1:{port}") })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT: a fast shutdown, which ends its own children.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Asks for a session, and looks whether the answer is that authentication is done.
fn ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap(); // it may be another program
    let parameters = b"user\0egret\0database\0postgres\0\0";
    let mut startup = u32::to_be_bytes(8 + parameters.len() as u32).to_vec();
    startup.extend(u32::to_be_bytes(196_608)); // protocol 3.0
    startup.extend(parameters);
    let mut answer = [0];
    stream.write_all(&startup).is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"R"
}

/// The user to run as, because PostgreSQL refuses to run as root.
struct Unprivileged {
    ids: Option<(u32, u32)>,
}

impl Unprivileged {
    fn find() -> Option<Unprivileged> {
        let id = |args: &[&str]| output("id", args).trim().parse::<u32>().unwrap();
        if id(&["-u"]) != 0 {
            return Some(Unprivileged { ids: None });
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let name = ["postgres", "nobody"].into_iter().find(|name| users.contains(&format!("{name}:")));
        if name.is_none() {
            println!("SKIPPED: PostgreSQL does not run as root, and there is no other user");
        }
        let name = name?;
        Some(Unprivileged { ids: Some((id(&["-u", name]), id(&["-g", name]))) })
    }

    fn give(&self, directory: &Path) {
        if let Some((user, group)) = self.ids {
            std::os::unix::fs::chown(directory, Some(user), Some(group)).unwrap();
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}
