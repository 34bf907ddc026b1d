//! Runs a program, passes it this program's input, and prints its output with line numbers: a child
//! with three pipes, all in use at the same time.
//!
//!     printf 'b\na\n' | cargo run --release --example process_pipe -- sort
//!
//! Exits with the code of the program.

use std::io::{self, Write};
use std::process::{ExitCode, Stdio};

use egret::io::{copy, stderr, stdin, stdout};
use egret::process::Command;

async fn run(program: &str, arguments: &[String]) -> io::Result<ExitCode> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Should we go first, by an error or a panic, it is not left behind.
    let mut child = command.kill_on_drop(true).spawn()?;
    let (mut input, mut output, mut errors) =
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(input), Some(output), Some(errors)) => (input, output, errors),
            _ => unreachable!("all three are piped"),
        };

    // Each of these waits for another: none may wait for the end of another, or a pipe fills up and all stand still.
    let feeding = egret::spawn(async move { copy(&mut stdin(), &mut input).await });
    let complaining = egret::spawn(async move { copy(&mut errors, &mut stderr()).await });

    let (mut line, mut number) = (Vec::new(), 0);
    let mut out = stdout();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let n = output.read(&mut buffer).await?;
        for part in buffer[..n].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") {
                number += 1;
                out.write_all(format!("{number:6}  ").as_bytes()).await?;
                out.write_all(&line).await?;
                line.clear();
            }
        }
        if n == 0 {
            out.write_all(&line).await?; // a last line that does not end
            break;
        }
    }

    let status = child.wait().await?;
    // It may have ended without reading all, which is its right: `head` does.
    feeding.abort();
    complaining.await.map_err(io::Error::other)??;
    Ok(match status.code() {
        Some(code) => ExitCode::from(code as u8),
        None => ExitCode::FAILURE, // by a signal
    })
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: process_pipe PROGRAM [ARGUMENT]...");
        return ExitCode::from(2);
    };
    let arguments: Vec<_> = arguments.collect();
    egret::block_on(run(&program, &arguments)).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "process_pipe: {program}: {error}");
        ExitCode::from(127)
    })
}
