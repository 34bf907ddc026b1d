//! Compares egret with its peers. One command for each measure; see README.md.

#![forbid(unsafe_code)]

mod allocations;
mod args;
mod cpu;
mod figure;
mod gate;
mod instructions;
mod measure;
mod memory;
mod on_cpu;
mod park;
mod plot;
mod profile;
mod progress;
mod report;
mod server;
mod syscalls;
mod table;
mod tool;
mod tree;

use args::{Command, Settings};
use std::process::ExitCode;

/// Why a measurement stopped, as a message.
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
        Command::Allocations => allocations::run(&settings),
        Command::Cpu => cpu::run(&settings),
        Command::Memory => memory::run(&settings),
        Command::Park => park::run(&settings),
        Command::Build => tree::run(&settings),
        Command::Gate => gate::run(&settings),
        Command::Report => report::run(&settings),
    };
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
