//! A real PostgreSQL, in a directory and on a port of its own.

use crate::common::{PATIENCE, have, output};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

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

        // The kernel chose a free port; a process that takes it meanwhile fails this test.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = user
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-c", "fsync=off", "-k"])
            .arg(&directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Postgres { child, directory, address: address.to_string() };
        let deadline = Instant::now() + PATIENCE;
        // It listens before it is ready, so poll it.
        while !ready(address.port()) {
            assert!(Instant::now() < deadline, "postgres does not start");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Some(postgres)
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
