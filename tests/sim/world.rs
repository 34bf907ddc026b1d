//! Shared by the scenarios: faults, policies, clients that retry.

use egret::net::{TcpSocket, TcpStream};
use egret::sim::{EdgePolicy, Fault, Faults, Sim};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Every fault, and an edge policy that the seed chooses.
pub fn everything(sim: &Sim) {
    sim.faults(Faults::all());
    choose_edges(sim);
}

/// Some of all faults, which the seed draws, and an edge policy that it chooses.
pub fn swarm(sim: &Sim) {
    sim.swarm(Faults::all());
    choose_edges(sim);
}

/// The faults that connections and a server without back-off survive, and an edge policy that the seed chooses.
pub fn what_connections_survive(sim: &Sim) {
    let deadly = [Fault::Reset, Fault::AbortedAccept, Fault::NoMemory, Fault::NoDescriptors];
    sim.faults(deadly.into_iter().fold(Faults::all(), Faults::without));
    choose_edges(sim);
}

fn choose_edges(sim: &Sim) {
    let policies = [EdgePolicy::Linux, EdgePolicy::Minimal, EdgePolicy::Noisy];
    sim.edges(policies[sim.choose(0..=2) as usize]);
}

/// A connection, after any number of attempts.
pub async fn connect(address: SocketAddr) -> TcpStream {
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => return stream,
            Err(_) => egret::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// As `connect`, with a send buffer of this size: for what is sent before anything is read.
pub async fn connect_with_room(address: SocketAddr, send_buffer: u32) -> TcpStream {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(send_buffer).unwrap();
        match socket.connect(address).await {
            Ok(stream) => return stream,
            Err(_) => egret::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// That this is how a connection ends which the network has killed.
#[track_caller]
pub fn assert_died(error: &io::Error) {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, OutOfMemory, TimedOut, UnexpectedEof};
    let kinds = [BrokenPipe, ConnectionReset, NotConnected, OutOfMemory, TimedOut, UnexpectedEof];
    assert!(kinds.contains(&error.kind()), "{error:?}");
}

/// Bytes that tell where they are from: none is like its neighbours, and no two rounds are alike.
pub fn payload(len: usize, round: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + round * 7 + at / 256) as u8).collect()
}
