//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.
//! The floor keeps no buffer for a connection, so this is its echo.

use server_floor::{Answer, Protocol};

struct Idle;

impl Protocol for Idle {
    fn answer<'a>(&'a mut self, input: &'a [u8]) -> Answer<'a> {
        Answer { output: &[], consumed: input.len(), close: false }
    }
}

fn main() {
    server_floor::run(Idle);
}
