//! Building a server, or saying why it cannot be had here.

use super::{Kind, Server, WORKSPACE};
use crate::Result;
use load::Case;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What became of building a server.
#[derive(Debug)]
pub enum Built {
    Program(PathBuf),
    /// It cannot be had on this machine, for this reason.
    Missing(String),
}

/// The exit status of `servers/c/build` when a library is not installed.
const NO_LIBRARY: i32 = 3;

impl Server {
    /// Builds its program alone, so that it gets the features that its own package asks for and no others.
    pub fn build(&self, case: Case, profile: &str) -> Result<Built> {
        let program = match self.kind {
            Kind::Rust { name, .. } => format!("{case}-{name}"),
            Kind::C { .. } => return self.build_c(case),
            Kind::Nginx => {
                let found = Command::new("nginx").arg("-v").output().is_ok();
                return Ok(match found {
                    true => Built::Program(PathBuf::from("nginx")),
                    false => Built::Missing("nginx is not installed".to_owned()),
                });
            }
        };
        self.build_bin(&program, profile).map(Built::Program)
    }

    /// Builds one program of its package.
    pub fn build_bin(&self, program: &str, profile: &str) -> Result<PathBuf> {
        let Kind::Rust { name, .. } = self.kind else { return Err(format!("{} is not Rust", self.name)) };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(WORKSPACE)
            .args(["build", "--quiet", "--profile", profile])
            .args(["--package", &format!("server-{name}")])
            .args(["--bin", program])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!("{program} does not build"));
        }
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(executable)
            .find(|path| path.file_name().is_some_and(|name| *name == *program))
            .ok_or_else(|| format!("cargo does not say where it built {program}"))
    }

    fn build_c(&self, case: Case) -> Result<Built> {
        let program = files()?.join(format!("{case}-{}", self.name));
        let output = Command::new(Path::new(WORKSPACE).join("servers/c/build"))
            .arg(format!("{case}-{}", self.name))
            .arg(&program)
            .output()
            .map_err(|error| format!("cannot run servers/c/build: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => Ok(Built::Program(program)),
            Some(NO_LIBRARY) => Ok(Built::Missing(said)),
            _ => Err(format!("{} does not build: {said}", self.name)),
        }
    }
}

/// Where the files of the runs go: they stay there until the next run of the same kind.
pub fn files() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let directory = target.unwrap_or_else(|| Path::new(WORKSPACE).join("target")).join("bench");
    std::fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    Ok(directory)
}

/// The path in one line of cargo's JSON messages. Paths with escapes in them are not supported.
fn executable(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once("\"executable\":\"")?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_a_message_of_cargo() {
        let line = r#"{"reason":"compiler-artifact","executable":"/t/release/echo-floor","fresh":true}"#;
        assert_eq!(executable(line), Some("/t/release/echo-floor".into()));
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }
}
