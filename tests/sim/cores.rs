//! Two cores of one machine: the hand-over of connections, and the joint shutdown. Each core is the program of a host of its
//! own, as a simulated host has one loop (`docs/cores.md` says what that leaves out).

use crate::world::{connect, everything, what_connections_survive};
use egret::net::{Sharing, TcpShares, TcpStream};
use egret::runtime::{Handle, Id};
use egret::shutdown::Shutdown;
use egret::sim::{self, Fault, Faults, Host, Sim};
use egret::time::{Instant, sleep};
use egret_runtime::cores::Simulated;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

const CORES: usize = 2;
const PORT: u16 = 7;

/// What the cores of a machine have in common, and what they have seen.
struct Machine {
    cores: Rc<Simulated>,
    shares: OnceCell<TcpShares>,
    /// How many cores serve.
    serving: Cell<usize>,
    open: RefCell<[usize; CORES]>,
    /// Futures of connections that were dropped on another core than their own.
    elsewhere: Cell<usize>,
    /// The core that begins to serve before the others.
    leads_first: Cell<Option<usize>>,
    /// When the shutdown was requested.
    requested: Cell<Option<Instant>>,
}

/// Counts an open connection of a core until it is dropped there.
struct Open {
    machine: Rc<Machine>,
    core: usize,
    runtime: Id,
}

impl Machine {
    fn new(deadline: Duration) -> Rc<Machine> {
        Rc::new(Machine {
            cores: Simulated::new(CORES, deadline),
            shares: OnceCell::new(),
            serving: Cell::new(0),
            open: RefCell::default(),
            elsewhere: Cell::new(0),
            leads_first: Cell::new(None),
            requested: Cell::new(None),
        })
    }

    fn opened(self: &Rc<Machine>, core: usize) -> Open {
        self.open.borrow_mut()[core] += 1;
        Open { machine: self.clone(), core, runtime: Handle::current().id() }
    }

    /// The first core binds the address. There may be no memory or no descriptor for a while.
    async fn bind(&self, index: usize) {
        while index == 0 && self.shares.get().is_none() {
            match TcpShares::bind(("0.0.0.0", PORT), Sharing::FewestOpen) {
                Ok(shares) => drop(self.shares.set(shares)),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Serves as one of the cores, until the joint shutdown. Each third connection is deaf to it if `deaf`.
    async fn serve(self: Rc<Machine>, index: usize, deaf: bool) {
        self.bind(index).await;
        let ended = self.cores.run(index, async |core| {
            if self.leads_first.get().is_some_and(|leads_first| leads_first != index) {
                until(|| self.serving.get() > 0).await;
                sleep(Duration::from_millis(100)).await; // it has been polled
            }
            let serve = self.shares.get().unwrap().share(&core)?.serve(core.shutdown());
            self.serving.set(self.serving.get() + 1);
            let (machine, shutdown) = (self.clone(), core.shutdown().clone());
            let mut number = 0;
            let connection = move |stream, _| {
                number += 1;
                let shutdown = (!deaf || number % 3 != 0).then(|| shutdown.clone());
                hold(stream, index, machine.opened(index), shutdown)
            };
            serve.run(connection).await
        });
        ended.await.unwrap();
        assert_eq!((self.open.borrow()[index], self.elsewhere.get()), (0, 0));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.machine.open.borrow_mut()[self.core] -= 1;
        let here = Handle::try_current().map(|handle| handle.id());
        if here.ok() != Some(self.runtime) {
            self.machine.elsewhere.set(self.machine.elsewhere.get() + 1);
        }
    }
}

/// Says which core serves, and waits for the end of the peer, or of the core unless it is deaf to it.
async fn hold(mut stream: TcpStream, core: usize, _open: Open, shutdown: Option<Shutdown>) {
    if stream.write_all(&[core as u8]).await.is_err() {
        return;
    }
    let mut byte = [0];
    let peer_ends = stream.read(&mut byte);
    match shutdown {
        Some(shutdown) => drop(shutdown.run_until_requested(peer_ends).await),
        None => drop(peer_ends.await),
    }
}

fn machines(sim: &Sim) -> [Host; CORES] {
    std::array::from_fn(|index| sim.host(&format!("core {index}")))
}

/// A client that is served, and the core.
async fn client(address: std::net::SocketAddr) -> (TcpStream, usize) {
    let mut stream = connect(address).await;
    let mut core = [0];
    stream.read_exact(&mut core).await.unwrap();
    (stream, usize::from(core[0]))
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn each_connection_goes_to_the_core_with_the_fewest_open() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        let (machine, hosts) = (Machine::new(Duration::from_secs(5)), machines(sim));
        for (index, host) in hosts.iter().enumerate() {
            let machine = machine.clone();
            host.client(machine.serve(index, false));
        }
        let (address, pairs) = (hosts[0].port(PORT), sim.up_to(4));
        sim.host("clients").client(async move {
            until(|| machine.serving.get() == CORES).await;
            let mut open = Vec::new();
            for _ in 0..CORES * pairs {
                open.push(client(address).await);
            }
            let of = |core| open.iter().filter(|(_, of)| *of == core).count();
            assert_eq!([of(0), of(1)], [pairs; CORES]);
            // One core loses all of its own, and gets them back.
            open.retain(|(_, core)| *core == 0);
            until(|| machine.open.borrow()[1] == 0).await;
            for _ in 0..pairs {
                let (stream, core) = client(address).await;
                assert_eq!(core, 1);
                open.push((stream, core));
            }
            machine.cores.stop().request();
        });
    });
}

#[test]
fn a_joint_shutdown_ends_both_cores_by_the_deadline_whoever_asks_for_it() {
    sim::check(0..300, |sim| {
        everything(sim);
        // Without memory for a registration the listener fails, and with it every share: nothing to see.
        sim.faults(Faults::all().without(Fault::NoMemory));
        let deadline = Duration::from_millis(sim.choose(0..=2000));
        let (machine, hosts) = (Machine::new(deadline), machines(sim));
        let address = hosts[0].port(PORT);
        for (index, host) in hosts.iter().enumerate() {
            let machine = machine.clone();
            host.client(async move {
                machine.clone().serve(index, true).await;
                let took = machine.requested.get().expect("somebody has asked").elapsed();
                // The kernel may give the processor to others for 10 ms at a time.
                assert!(took <= deadline + Duration::from_millis(100), "{took:?} of {deadline:?}");
            });
        }
        for number in 0..sim.up_to(5) {
            let machine = machine.clone();
            sim.host(&format!("client {number}")).client(async move {
                while machine.requested.get().is_none() {
                    let Ok(mut stream) = TcpStream::connect(address).await else {
                        sleep(Duration::from_millis(20)).await;
                        continue;
                    };
                    while matches!(stream.read(&mut [0]).await, Ok(1)) {}
                }
            });
        }
        let (asks, after) = (&hosts[sim.choose(0..=1) as usize], Duration::from_millis(sim.choose(0..=500)));
        asks.thread(after, move || {
            machine.requested.set(Some(Instant::now()));
            machine.cores.stop().request();
        });
    });
}

#[test]
fn when_the_core_that_accepts_ends_the_other_accepts_and_no_client_is_lost() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        let (machine, hosts) = (Machine::new(Duration::from_secs(5)), machines(sim));
        let address = hosts[0].port(PORT);
        machine.leads_first.set(Some(0));
        let ends_first = Duration::from_millis(sim.choose(200..=600));
        let leader = machine.clone();
        hosts[0].client(async move {
            leader.bind(0).await;
            let ended = leader.cores.run(0, async |core| {
                let own = Shutdown::new();
                let serve = leader.shares.get().unwrap().share(&core)?.serve(&own);
                leader.serving.set(1);
                let (machine, theirs) = (leader.clone(), own.clone());
                drop(egret::spawn(async move {
                    sleep(ends_first).await;
                    theirs.request();
                }));
                let connection = move |stream, _| hold(stream, 0, machine.opened(0), Some(own.clone()));
                serve.run(connection).await
            });
            ended.await.unwrap();
        });
        hosts[1].client(machine.clone().serve(1, false));
        let left = Rc::new(Cell::new(sim.up_to(6)));
        for number in 0..left.get() {
            let (machine, left) = (machine.clone(), left.clone());
            let comes = Duration::from_millis(sim.choose(0..=1000));
            sim.host(&format!("client {number}")).client(async move {
                until(|| machine.serving.get() > 0).await;
                sleep(comes).await;
                // One attempt: each client in a queue is served.
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.read_exact(&mut [0]).await.unwrap();
                left.set(left.get() - 1);
                if left.get() == 0 {
                    machine.cores.stop().request();
                }
                // To the end of its core.
                while matches!(stream.read(&mut [0]).await, Ok(1)) {}
            });
        }
    });
}
