//! The programs that do the counting, and what else a reader of a figure wants to know.

use crate::Result;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first line of what `name --version` prints; an error that says how to get the program when it is
/// not there.
pub fn check(name: &str) -> Result<String> {
    match first_line(name, "--version") {
        Ok(line) => Ok(line),
        Err(ErrorKind::NotFound) => {
            Err(format!("{name} is not installed; on Debian and Ubuntu: apt-get install {name}"))
        }
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}

/// The machine and the versions behind a figure; `counter` is the counting tool's.
pub fn environment(counter: &str) -> String {
    let unknown = |_| "unknown".to_owned();
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    // Without what a distribution adds: "6.1.0" of "6.1.0-18-amd64".
    let version = release.split('-').next().unwrap_or_default();
    format!(
        "{counter}, {}, Linux {version} on {}",
        first_line("rustc", "--version").unwrap_or_else(unknown),
        system.machine().to_string_lossy(),
    )
}

/// The text of a file that a tool wrote.
pub fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn first_line(program: &str, argument: &str) -> std::result::Result<String, ErrorKind> {
    let output =
        Command::new(program).arg(argument).stdin(Stdio::null()).output().map_err(|error| error.kind())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
