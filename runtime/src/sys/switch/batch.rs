//! Many datagrams by one call, of either kernel. The simulation makes one call for each.

use super::Fd;
use crate::sys::linux::{BATCH_MAX, Batch};
use std::io;
use std::net::SocketAddr;

/// The most segments of one send (`UDP_MAX_SEGMENTS`), and their most bytes over IPv4.
const SEGMENTS_MAX: usize = 128;
const SEGMENTED_MAX: usize = 65_507;

impl Fd {
    pub fn recv_batch(&self, batch: &mut Batch) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_batch(batch) };
        batch.clear();
        let mut whole = vec![0; 65_535];
        while batch.received().len() < batch.room() {
            match simulated.recv_from(&mut whole, false) {
                Ok((len, from)) => batch.put(&whole[..len], from),
                Err(error) if batch.received().is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(batch.received().len())
    }

    pub fn send_batch(&self, datagrams: &[(&[u8], Option<SocketAddr>)]) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.send_batch(datagrams) };
        for (sent, (bytes, to)) in datagrams.iter().take(BATCH_MAX).enumerate() {
            let result = match to {
                Some(to) => simulated.send_to(bytes, *to),
                None => simulated.send(bytes),
            };
            match result {
                Ok(_) => {}
                Err(error) if sent == 0 => return Err(error),
                Err(_) => return Ok(sent),
            }
        }
        Ok(datagrams.len().min(BATCH_MAX))
    }

    pub fn knows_segments(&self) -> bool {
        match self.simulated() {
            Some(_) => true,
            None => self.linux.knows_segments(),
        }
    }

    pub fn send_segmented(&self, buf: &[u8], segment: u16, to: Option<&SocketAddr>) -> io::Result<bool> {
        let Some(simulated) = self.simulated() else { return self.linux.send_segmented(buf, segment, to) };
        let fits = segment > 0 && buf.len() <= SEGMENTED_MAX;
        if !fits || buf.len().div_ceil(usize::from(segment)) > SEGMENTS_MAX {
            return Ok(false);
        }
        for part in buf.chunks(usize::from(segment)) {
            match to {
                Some(to) => simulated.send_to(part, *to)?,
                None => simulated.send(part)?,
            };
        }
        Ok(true)
    }
}
