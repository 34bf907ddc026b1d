//! Compiler errors for sending a loop's object to another thread: they name the remedy and no internal type.
//!
//! The programs are type-checked by the compiler that built this test, against the library that was built last.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The libraries in the folder of this test program, the newest first.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libegret_runtime-") && name.ends_with(".rlib")
    };
    let mut libraries: Vec<_> = files.filter(is_ours).collect();
    libraries.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    libraries.reverse();
    libraries
}

/// What the compiler says of a program.
fn said_of(program: &str) -> String {
    let rustc = match std::env::var_os("CARGO") {
        Some(cargo) => Path::new(&cargo).with_file_name("rustc"),
        None => "rustc".into(),
    };
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap();
    let mut said = String::from("there is no library beside this test");
    for library in libraries(folder) {
        let mut command = Command::new(&rustc);
        command.args([
            "-",
            "--edition=2024",
            "--crate-type=lib",
            "--crate-name=elsewhere",
            "--emit=metadata",
            "-o",
            "/dev/null",
        ]);
        let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
        command.arg(format!("--target={}-unknown-linux-{libc}", std::env::consts::ARCH));
        command.arg(format!("-Ldependency={}", folder.display()));
        // With a `--target`, macros are in the folder of the compiler's own platform.
        command.arg(format!("-Ldependency={}", folder.join("../../../debug/deps").display()));
        command.arg(format!("--extern=egret_runtime={}", library.display()));
        let mut compiler = command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rustc beside cargo or in PATH");
        compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
        said = String::from_utf8(compiler.wait_with_output().unwrap().stderr).unwrap();
        if said.contains("between threads safely") {
            return said;
        }
        // A library of another compiler, or with a dependency that is gone: the next one.
    }
    panic!("the compiler does not refuse it: {said}");
}

#[test]
#[cfg_attr(miri, ignore = "starts the compiler")]
fn the_error_about_a_send_to_another_thread_names_the_remedy() {
    let is_send = "fn is_send<T: Send>(_: T) {}\n";
    let is = |name: &str| format!("pub fn f(it: {name}) {{ is_send(it) }}");
    let spawns = |what: &str| {
        format!("pub fn f(handle: egret_runtime::runtime::Handle) {{ handle.spawn(async {{ {what} }}); }}")
    };
    let (io, tasks) = ("IoStaysOnItsThread_UseIntoStd", "JoinHandlesStayOnTheirThread_UseSpawnWith");
    let cases = [
        (is("egret_runtime::io::AsyncFd<std::fs::File>"), io),
        (is("&egret_runtime::io::AsyncFd<std::fs::File>"), io),
        (is("egret_runtime::process::Child"), io),
        (is("egret_runtime::time::Sleep"), "TimersStayOnTheirThread_UseSpawnWith"),
        (is("egret_runtime::task::JoinHandle<()>"), tasks),
        (is("egret_runtime::task::JoinSet<()>"), "JoinSetsStayOnTheirThread_UseSpawnWith"),
        (is("egret_runtime::runtime::Runtime"), "RuntimesStayOnTheirThread_UseHandle"),
        (is("egret_runtime::shutdown::Shutdown"), "ShutdownsStayOnTheirThread_MakeOneForEach"),
        (
            spawns("egret_runtime::time::sleep(std::time::Duration::ZERO).await"),
            "TimersStayOnTheirThread_UseSpawnWith",
        ),
        (spawns("let _ = egret_runtime::spawn(async {}).await;"), tasks),
    ];
    for (program, remedy) in cases {
        let said = said_of(&format!("{is_send}{program}"));
        // The first line of each error, and the `help` that says which type it is.
        let named: Vec<_> = said.lines().filter(|line| line.contains("the trait `S")).collect();
        assert!(!named.is_empty(), "{said}");
        let all_help = named.iter().all(|line| line.contains("Thread_"));
        assert!(all_help && named.iter().any(|line| line.contains(remedy)), "{program}\n{said}");
    }
}
