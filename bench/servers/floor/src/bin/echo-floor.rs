//! Sends back what it receives.

use server_floor::{Answer, Protocol};

struct Echo;

impl Protocol for Echo {
    fn answer<'a>(&'a mut self, input: &'a [u8]) -> Answer<'a> {
        Answer { output: input, consumed: input.len(), close: false }
    }
}

fn main() {
    server_floor::run(Echo);
}
