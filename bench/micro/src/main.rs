//! Compares egret with its peers inside one process: tasks, wakes and timers. See `bench/README.md`.

#![deny(unsafe_code)] // but in `counting`

mod args;
mod cases;
#[allow(unsafe_code)] // an allocator that counts is an `unsafe impl`
mod counting;
mod instructions;
mod lateness;
mod many;
mod measure;
mod memory;
mod remote;
mod report;
mod runtimes;
mod streams; // an echo between two tasks
mod tasks;
mod timers;

// Shared with the command `bench`, which is a program and so cannot be a dependency.
#[path = "../../src/figure.rs"]
mod figure;
#[path = "../../src/profile.rs"]
mod profile;
#[path = "../../src/table.rs"]
mod table;
#[path = "../../src/tool.rs"]
mod tool;

use args::{How, Settings};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

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
            eprintln!("{error}\nsee micro --help");
            return ExitCode::from(2);
        }
    };
    let result = match settings.how {
        How::Time => {
            time(&settings);
            Ok(())
        }
        How::Instructions => instructions::run(&settings),
        How::Run(operations) => {
            run(&settings, operations);
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn time(settings: &Settings) {
    println!("{}\n", report::heading(settings));
    if !settings.cases.is_empty() {
        println!("{}", report::times(settings, &measure::times(settings)));
    }
    if settings.lateness {
        let (all, means) = lateness::measure(settings);
        println!("{}", report::lateness(&all, &means));
    }
    if settings.memory {
        let results = memory::measure(settings);
        let tasks = results.iter().map(|(task, _)| task);
        println!("{}", report::memory("a parked task", "its future", tasks));
        let timers = results.iter().map(|(_, timer)| timer);
        println!("{}", report::memory("a live timer", "the sleep", timers));
    }
}

fn run(settings: &Settings, operations: u64) {
    for case in &settings.cases {
        for runtime in settings.runtimes_of(*case) {
            case.time(runtime, operations);
        }
    }
}
