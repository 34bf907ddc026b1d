//! Measures egret beside its peers. One command for each measure; see README.md.

#![forbid(unsafe_code)]

mod args;
mod instructions;
mod measure;
mod profile;
mod server;
mod syscalls;
mod table;
mod tool;

use args::{Command, Settings};
use std::process::ExitCode;

/// What stopped a measurement, in words for whoever ran it.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let settings = match Settings::from_args() {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\nsee bench --help");
            return ExitCode::from(2);
        }
    };
    let result = match settings.command {
        Command::Instructions => instructions::run(&settings),
        Command::Syscalls => syscalls::run(&settings),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
