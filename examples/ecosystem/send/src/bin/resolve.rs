//! Names by hickory-resolver on egret, without a thread: it queries a name server by sockets of the loop.
//!
//!     cargo run --release --bin resolve SERVER:PORT HOST:PORT...
//!
//! `hickory_resolver::system_conf::read_system_conf` (feature `system-config`) has the servers of the host.

use ecosystem_send::dns::{self, Provider};
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use std::error::Error;
use std::net::SocketAddr;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let server: SocketAddr = args.next().ok_or("usage: SERVER:PORT HOST:PORT...")?.parse()?;
    egret::block_on(async {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.into());
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        let mut builder = Resolver::builder_with_config(config, Provider);
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        // From here on every name on this thread goes there: of `lookup_host`, of `TcpStream::connect` and all others.
        let _names = dns::set(builder.build()?);
        for name in args {
            match egret::net::lookup_host(&name).await {
                Ok(found) => println!("{name}: {:?}", found.collect::<Vec<_>>()),
                Err(error) => println!("{error}"),
            }
        }
        Ok(())
    })
}
