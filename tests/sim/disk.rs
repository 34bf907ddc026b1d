//! Files of a host: what is left of them after a crash, errors, and what the disk of a host is not.

use egret::fs::{self, File, OpenOptions};
use egret::sim::{Fault, Faults, Host, Sim};
use egret::time::sleep;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{ErrorKind, SeekFrom};
use std::rc::Rc;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

/// Runs `before` on a host until the power fails, and `after` when it is on again.
fn crashed<B, A>(sim: &Sim, before: impl Fn() -> B + 'static, after: impl Fn() -> A + 'static)
where
    B: Future<Output = ()> + 'static,
    A: Future<Output = ()> + 'static,
{
    let (host, starts, done) = (sim.host("host"), Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let is_done = done.clone();
    let (before, after) = (Rc::new(before), Rc::new(after));
    host.server(move || {
        starts.set(starts.get() + 1);
        let (before, after, is_first, done) =
            (before.clone(), after.clone(), starts.get() == 1, done.clone());
        async move {
            if is_first {
                return before().await;
            }
            after().await;
            done.set(true);
        }
    });
    let again = host.clone();
    sim.at(1000 * MILLI, move |_| host.crash());
    sim.at(1001 * MILLI, move |_| again.restart());
    sim.host("client").client(async move {
        sleep(2000 * MILLI).await;
        assert!(is_done.get(), "the host is up again");
    });
}

/// What a program finds in each of so many seeds, whatever the environment says.
fn each<T: Ord>(seeds: u64, find: impl Fn(&Sim) -> Option<T>) -> BTreeSet<T> {
    (0..seeds).filter_map(|seed| find(&Sim::new(seed))).collect()
}

/// What is seen in a file after a crash, in a hundred seeds.
fn seen<B>(before: impl Fn() -> B + Copy + 'static) -> BTreeSet<Option<Vec<u8>>>
where
    B: Future<Output = ()> + 'static,
{
    each(100, |sim| {
        let found = Rc::new(RefCell::new(None));
        let finds = found.clone();
        crashed(sim, before, move || {
            let finds = finds.clone();
            async move {
                *finds.borrow_mut() = match fs::read("/file").await {
                    Ok(content) => Some(Some(content)),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::NotFound);
                        Some(None)
                    }
                };
            }
        });
        sim.run();
        Some(found.take().unwrap())
    })
}

async fn sync_root() {
    File::open("/").await.unwrap().sync_all().await.unwrap();
}

#[test]
fn what_is_not_synced_is_there_or_in_part_or_not() {
    let seen = seen(|| async {
        fs::write("/file", [b'a'; 1024]).await.unwrap();
    });
    assert!(seen.contains(&None) && seen.contains(&Some(vec![b'a'; 1024])), "{}", seen.len());
    assert!(seen.contains(&Some(Vec::new())), "the name without the bytes");
    assert!(seen.contains(&Some(vec![b'a'; 512])), "the first sector");
    let second = [[0; 512], [b'a'; 512]].concat();
    assert!(seen.contains(&Some(second)), "the second sector, and nothing of the first");
    assert_eq!(seen.len(), 5);
}

#[test]
fn what_is_synced_with_its_name_is_there() {
    let seen = seen(|| async {
        let mut file = File::create("/file").await.unwrap();
        file.write_all(&[b'a'; 2000]).await.unwrap();
        file.sync_all().await.unwrap();
        sync_root().await;
    });
    assert_eq!(seen, BTreeSet::from([Some(vec![b'a'; 2000])]));
}

#[test]
fn a_file_that_is_synced_has_a_name_when_its_directory_is_synced_too() {
    let seen = seen(|| async {
        let mut file = File::create("/file").await.unwrap();
        file.write_all(b"synced").await.unwrap();
        file.sync_data().await.unwrap();
    });
    assert_eq!(seen, BTreeSet::from([None, Some(b"synced".to_vec())]));
}

async fn old() {
    fs::write("/file", "old").await.unwrap();
    File::open("/file").await.unwrap().sync_all().await.unwrap();
    sync_root().await;
}

async fn replace(syncs: bool) {
    let mut new = File::create("/new").await.unwrap();
    new.write_all(b"new").await.unwrap();
    if syncs {
        new.sync_all().await.unwrap();
    }
    fs::rename("/new", "/file").await.unwrap();
}

#[test]
fn a_rename_of_what_is_synced_leaves_the_old_file_or_the_new_one() {
    let seen = seen(|| async {
        old().await;
        replace(true).await;
    });
    assert_eq!(seen, BTreeSet::from([Some(b"new".to_vec()), Some(b"old".to_vec())]));
}

#[test]
fn a_rename_of_what_is_not_synced_may_leave_nothing_of_either() {
    let seen = seen(|| async {
        old().await;
        replace(false).await;
    });
    assert_eq!(seen, BTreeSet::from([Some(Vec::new()), Some(b"new".to_vec()), Some(b"old".to_vec())]));
}

#[test]
fn a_file_that_was_removed_may_be_there_again_until_its_directory_is_synced() {
    let removed = seen(|| async {
        old().await;
        fs::remove_file("/file").await.unwrap();
    });
    assert_eq!(removed, BTreeSet::from([None, Some(b"old".to_vec())]));
    let synced = seen(|| async {
        old().await;
        fs::remove_file("/file").await.unwrap();
        sync_root().await;
    });
    assert_eq!(synced, BTreeSet::from([None]));
}

#[test]
fn bytes_in_the_middle_of_a_file_that_is_there_are_old_or_new_by_sectors() {
    let seen = seen(|| async {
        fs::write("/file", [b'o'; 1536]).await.unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open("/file").await.unwrap();
        file.sync_all().await.unwrap();
        sync_root().await;
        file.seek(SeekFrom::Start(512)).await.unwrap();
        file.write_all(&[b'n'; 1024]).await.unwrap();
        file.set_len(1000).await.unwrap();
        // The program sees what it wrote.
        assert_eq!(file.metadata().await.unwrap().len(), 1000);
    });
    for content in &seen {
        let content = content.as_ref().expect("it is there");
        assert!(content[..512] == [b'o'; 512] && [1000, 1536].contains(&content.len()));
        assert!(content[512..].chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
    }
    assert!(seen.len() >= 6, "of two sectors and a length: {}", seen.len());
}

/// Everything that `fs` has but links, on one host.
#[test]
fn a_program_sees_what_it_wrote() {
    let sim = Sim::new(1);
    let host = sim.host("host");
    std::fs::write(host.disk().join("before"), "of the test").unwrap();
    let root = host.disk();
    host.client(async move {
        assert_eq!(fs::read_to_string("/before").await.unwrap(), "of the test");
        fs::create_dir_all("/a/b").await.unwrap();
        fs::create_dir_all("/a/b").await.unwrap();
        fs::write("a/b/../b/one", "1").await.unwrap();
        assert_eq!(fs::copy("/a/b/one", "/a/b/two").await.unwrap(), 1);
        fs::hard_link("/a/b/two", "/a/three").await.unwrap();
        let mut log = OpenOptions::new().append(true).create(true).open("/a/three").await.unwrap();
        log.write_all(b"23").await.unwrap();
        assert_eq!(fs::read("/a/b/two").await.unwrap(), b"123");
        fs::rename("/a/b", "/c").await.unwrap();
        let mut entries = fs::read_dir("/c").await.unwrap();
        let mut paths = Vec::new();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert!(entry.file_type().await.unwrap().is_file());
            paths.push(entry.path().display().to_string());
        }
        assert_eq!(paths, ["/c/one", "/c/two"]);
        assert_eq!(fs::canonicalize("c/./one").await.unwrap().to_str(), Some("/c/one"));
        let modified = fs::metadata("/c/two").await.unwrap().modified().unwrap();
        assert!(modified <= egret::time::system_now(), "by the clock of the host: {modified:?}");
        let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
        assert_eq!(kind(fs::remove_dir("/c").await), ErrorKind::DirectoryNotEmpty);
        assert_eq!(kind(fs::remove_file("/c").await), ErrorKind::IsADirectory);
        assert_eq!(kind(fs::create_dir("/c").await), ErrorKind::AlreadyExists);
        assert_eq!(kind(fs::rename("/none", "/c").await), ErrorKind::NotFound);
        assert!(!fs::try_exists("/a/b").await.unwrap());
        fs::remove_dir_all("/c").await.unwrap();
        fs::remove_dir_all("/a").await.unwrap();
    });
    sim.run();
    let left: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["before"]);
}

#[test]
fn each_host_has_a_disk_of_its_own_which_is_removed_with_the_simulation() {
    let sim = Sim::new(1);
    let write = |host: &Host| {
        let name = host.ip().to_string();
        host.client(async move {
            assert!(!fs::try_exists("/file").await.unwrap());
            fs::write("/file", &name).await.unwrap();
            sleep(10 * MILLI).await;
            assert_eq!(fs::read_to_string("/file").await.unwrap(), name);
        });
        host.disk()
    };
    let disks = [write(&sim.host("one")), write(&sim.host("other"))];
    sim.run();
    assert!(disks.iter().all(|disk| disk.join("file").exists()));
    drop(sim);
    assert!(!disks.iter().any(|disk| disk.exists()));
}

#[test]
fn directories_that_were_made_moved_and_removed_are_a_tree_after_a_crash() {
    let seen = each(200, |sim| {
        let found = Rc::new(RefCell::new(Vec::new()));
        let finds = found.clone();
        let before = || async {
            fs::create_dir_all("/a/b").await.unwrap();
            fs::write("/a/b/file", "x").await.unwrap();
            fs::rename("/a/b", "/b").await.unwrap();
            fs::rename("/a", "/b/a").await.unwrap();
            fs::create_dir("/c").await.unwrap();
            fs::remove_dir("/c").await.unwrap();
        };
        let after = move || {
            let finds = finds.clone();
            async move {
                let mut folders = vec!["/".to_owned()];
                while let Some(folder) = folders.pop() {
                    let mut entries = fs::read_dir(&folder).await.unwrap();
                    while let Some(entry) = entries.next_entry().await.unwrap() {
                        let path = entry.path().display().to_string();
                        if entry.file_type().await.unwrap().is_dir() {
                            folders.push(path.clone());
                        }
                        finds.borrow_mut().push(path);
                    }
                }
            }
        };
        crashed(sim, before, after);
        sim.run();
        Some(found.take())
    });
    assert!(
        seen.contains(&Vec::new()) && seen.contains(&vec!["/b".to_owned(), "/b/a".into(), "/b/file".into()])
    );
    // Each is in one place.
    for paths in seen {
        assert!(paths.iter().filter(|path| path.ends_with("/a")).count() <= 1, "{paths:?}");
    }
}

/// After a sync that failed, a later one says nothing of what is lost.
#[test]
fn a_sync_that_fails_loses_what_it_was_to_write_although_the_next_one_succeeds() {
    let seen = each(200, |sim| {
        let (failed, found) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
        let (fails, finds) = (failed.clone(), found.clone());
        sim.faults(Faults::none().with(Fault::DiskError, 0.2));
        let before = move || {
            let fails = fails.clone();
            async move {
                let Ok(mut file) = File::create("/file").await else { return };
                if file.write_all(b"new").await.is_ok() && file.sync_all().await.is_err() {
                    // The program sees the bytes, and syncs again until it is told that they are there.
                    while file.sync_all().await.is_err() {}
                    while File::open("/").await.is_err() {}
                    fails.set(true);
                }
            }
        };
        let after = move || {
            let finds = finds.clone();
            async move {
                while fs::try_exists("/file").await.is_err() {}
                while !fs::read("/file").await.is_ok_and(|content| {
                    *finds.borrow_mut() = content;
                    true
                }) && fs::try_exists("/file").await.unwrap_or(true)
                {}
            }
        };
        crashed(sim, before, after);
        sim.run();
        failed.get().then(|| found.take())
    });
    assert_eq!(seen, BTreeSet::from([Vec::new(), b"new".to_vec()]));
}

#[test]
fn a_disk_fails_and_is_full_by_the_seed() {
    let seen = each(100, |sim| {
        sim.faults(Faults::none().with(Fault::DiskError, 0.05).with(Fault::DiskFull, 0.05));
        let kinds = Rc::new(RefCell::new(BTreeSet::new()));
        let sees = kinds.clone();
        sim.host("host").client(async move {
            for number in 0..10 {
                if let Err(error) = fs::write("/file", [number; 100]).await {
                    sees.borrow_mut().insert(error.raw_os_error().unwrap());
                }
            }
        });
        sim.run();
        Some(kinds.take())
    });
    let (eio, enospc) = (5, 28);
    assert_eq!(seen.into_iter().flatten().collect::<BTreeSet<_>>(), BTreeSet::from([eio, enospc]));
}

#[test]
fn what_the_disk_of_a_host_has_not_is_refused_by_name() {
    let sim = Sim::new(1);
    sim.host("host").client(async {
        let link = fs::symlink("/a", "/b").await.unwrap_err();
        assert!(
            link.kind() == ErrorKind::Unsupported
                && link.to_string().starts_with("a symbolic link (symlink)")
        );
        let std = std::fs::File::open("/proc/self/status").unwrap();
        let real = File::from_std(std).read(&mut [0; 10]).await.unwrap_err();
        let said = real.to_string();
        assert!(
            real.kind() == ErrorKind::Unsupported && said.starts_with("a file that std has opened"),
            "{said}"
        );
    });
    sim.run();
}
