//! Unix sockets and pipes, where a short read does not mean drained.

use crate::world::{payload, what_connections_survive};
use crate::zip::zip;
use egret::net::unix::{SendAncillary, pipe};
use egret::net::{UnixDatagram, UnixListener, UnixStream};
use egret::sim;
use std::io::IoSlice;
use std::os::fd::AsFd;

#[test]
fn streams_of_one_host_give_what_was_sent() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        sim.buffers(sim.choose(1..=3000) as usize, sim.choose(1..=3000) as usize);
        let clients = sim.up_to(3);
        let sizes: Vec<_> = (0..3).map(|_| sim.choose(1..=10_000) as usize).collect();
        sim.host("alone").client(async move {
            let listener = UnixListener::bind("/run/echo").unwrap();
            let server = egret::spawn(async move {
                for _ in 0..clients {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    egret::spawn(async move {
                        let mut buf = [0; 700];
                        while let n @ 1.. = stream.read(&mut buf).await.unwrap() {
                            stream.write_all(&buf[..n]).await.unwrap();
                        }
                    });
                }
            });
            let talks: Vec<_> = (0..clients)
                .map(|number| {
                    let sizes = sizes.clone();
                    egret::spawn(async move {
                        let mut stream = UnixStream::connect("/run/echo").await.unwrap();
                        for size in sizes {
                            let (sent, mut got) = (payload(size, number), vec![0; size]);
                            let (mut reader, mut writer) = stream.split();
                            let (written, read) =
                                zip(writer.write_all(&sent), reader.read_exact(&mut got)).await;
                            written.unwrap();
                            read.unwrap();
                            assert_eq!(got, sent);
                        }
                    })
                })
                .collect();
            for talk in talks {
                talk.await.unwrap();
            }
            server.await.unwrap();
        });
    });
}

#[test]
fn bytes_behind_a_descriptor_are_not_missed() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        let count = sim.up_to(12);
        sim.host("alone").client(async move {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            let (passed, _) = UnixStream::pair().unwrap();
            let all: Vec<_> = (0..count).flat_map(|number| payload(1 + number, number)).collect();
            let send = async {
                for number in 0..count {
                    let (bytes, descriptors) = (payload(1 + number, number), [passed.as_fd()]);
                    let beside = SendAncillary::new().descriptors(&descriptors);
                    let sent = match number % 2 {
                        0 => 0,
                        _ => one.send_message(&[IoSlice::new(&bytes)], &beside).await.unwrap(),
                    };
                    one.write_all(&bytes[sent..]).await.unwrap();
                }
            };
            let receive = async {
                let (mut got, mut buf) = (Vec::new(), [0; 4000]);
                while got.len() < all.len() {
                    let n = other.read(&mut buf).await.unwrap();
                    got.extend_from_slice(&buf[..n]);
                }
                assert_eq!(got, all);
            };
            zip(send, receive).await;
        });
    });
}

#[test]
fn datagrams_of_one_host_come_whole_and_in_order() {
    sim::check(0..200, |sim| {
        what_connections_survive(sim);
        let count = sim.up_to(40);
        sim.host("alone").client(async move {
            let (one, other) = UnixDatagram::pair().unwrap();
            let send = async {
                for number in 0..count {
                    one.send(&payload(1 + number * 37, number)).await.unwrap();
                }
            };
            let receive = async {
                let mut buf = [0; 4000];
                for number in 0..count {
                    let n = other.recv(&mut buf).await.unwrap();
                    assert_eq!(buf[..n], payload(1 + number * 37, number));
                }
            };
            zip(send, receive).await;
        });
    });
}

#[test]
fn a_pipe_gives_what_was_written_and_then_its_end() {
    sim::check(0..200, |sim| {
        what_connections_survive(sim);
        let size = sim.choose(0..=200_000) as usize;
        sim.host("alone").client(async move {
            let (mut writer, mut reader) = pipe::pipe().unwrap();
            let write = async move { writer.write_all(&payload(size, 3)).await.unwrap() };
            let read = async {
                let (mut all, mut buf) = (Vec::new(), [0; 5000]);
                while let n @ 1.. = reader.read(&mut buf).await.unwrap() {
                    all.extend_from_slice(&buf[..n]);
                }
                all
            };
            let ((), all) = zip(write, read).await;
            assert_eq!(all, payload(size, 3));
        });
    });
}
